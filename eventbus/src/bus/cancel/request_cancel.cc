// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/request_cancel.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "bus/cancel/cancel_entry.h"
#include "bus/entries/event_entries.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLookTimeout{5};

/// Nothing: it was not answered, or it is no answer.
std::optional<Cancelled> AnswerIn(const BucketEntry& entry) {
  const std::optional<CancelState> state = ReadCancel(entry.value);
  if (state == CancelState::kQueued) return Cancelled::kQueued;
  if (state == CancelState::kRunning) return Cancelled::kRunning;
  if (state == CancelState::kFinished) return Cancelled::kFinished;
  return std::nullopt;
}

// What was answered so stays so, while its entry lives.
bool Stands(Cancelled answer) { return answer == Cancelled::kQueued || answer == Cancelled::kRunning; }

}  // namespace

// A request that was answered as finished, or that nobody has answered, is written once more: the event may have come,
// or have been redriven, since.
absl::StatusOr<Cancelled> RequestCancel(EventBus& bus, std::string_view topic, std::string_view durable,
                                        std::string_view event_id, std::chrono::milliseconds timeout,
                                        const CancelOptions& options) {
  if (timeout.count() < 0) return absl::InvalidArgumentError("cancel: the timeout is negative; give 0 or more");
  if (auto status = EventEntries::CheckId(event_id); !status.ok()) return Prefixed("cancel", status);
  const auto entries = EventEntries::Open(bus, {.field = "cancel",
                                                .topic = topic,
                                                .durable = durable,
                                                .bucket = options.bucket,
                                                .time_to_live = options.time_to_live});
  if (!entries.ok()) return entries.status();
  const auto deadline = DeadlineAfter(timeout);
  const absl::StatusOr<BucketEntry> before = (*entries)->Get(event_id, kLookTimeout);
  if (!before.ok() && !absl::IsNotFound(before.status())) return Prefixed("cancel", before.status());
  const std::optional<Cancelled> known = before.ok() ? AnswerIn(*before) : std::nullopt;
  if (known && Stands(*known)) return *known;
  const auto put = (*entries)->Put(event_id, WrittenCancel(CancelState::kRequested));
  if (!put.ok()) return Prefixed("cancel", put.status());
  absl::StatusOr<BucketEntry> last =
      (*entries)->Await(event_id, deadline, [](const BucketEntry& entry) { return AnswerIn(entry).has_value(); });
  if (absl::IsDeadlineExceeded(last.status())) last = (*entries)->Get(event_id, kLookTimeout);
  if (!last.ok()) return Prefixed("cancel: the request cannot be read back", last.status());
  return AnswerIn(*last).value_or(Cancelled::kRequested);
}

}  // namespace penstock::eventbus
