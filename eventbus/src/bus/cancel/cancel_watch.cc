// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancel_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kFirstReport{10};
constexpr std::chrono::seconds kAnswerTimeout{2};
constexpr std::chrono::milliseconds kLookUpTimeout{500};
constexpr std::chrono::seconds kLookUpPause{5};

}  // namespace

absl::StatusOr<std::shared_ptr<CancelWatch>> CancelWatch::Open(EventBus& bus, Parts parts) {
  auto entries = EventEntries::Open(bus, {.field = "cancel",
                                          .topic = parts.topic,
                                          .durable = parts.durable,
                                          .bucket = parts.options.bucket,
                                          .time_to_live = parts.options.time_to_live});
  if (!entries.ok()) return entries.status();
  std::shared_ptr<CancelWatch> made(new CancelWatch(*std::move(entries), std::move(parts)));
  if (auto status = made->Start(); !status.ok()) return Prefixed("cancel", status);
  return made;
}

CancelWatch::CancelWatch(std::unique_ptr<EventEntries> entries, Parts parts)
    : entries_(std::move(entries)),
      time_to_live_(parts.options.time_to_live),
      log_(std::move(parts.log)),
      was_handled_(std::move(parts.was_handled)) {}

absl::Status CancelWatch::Start() {
  auto watch = entries_->Watch({.on_entry = [this](const BucketEntry& entry) { OnEntry(entry); },
                                .on_up_to_date =
                                    [this] {
                                      MutexLock lock(mutex_);
                                      up_to_date_ = true;
                                      reported_.NotifyAll();
                                    }});
  if (!watch.ok()) return watch.status();
  watch_ = *std::move(watch);
  const auto deadline = DeadlineAfter(kFirstReport);
  MutexLock lock(mutex_);
  while (!up_to_date_ && reported_.WaitUntil(lock, deadline)) {
  }
  if (up_to_date_) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("bucket ", Quoted(entries_->bucket()),
                                                  ": its entries did not come within ", kFirstReport.count(),
                                                  " s; check the server"));
}

void CancelWatch::Attach(std::function<InHand(std::string_view event_id)> in_hand) {
  MutexLock lock(mutex_);
  in_hand_ = std::move(in_hand);
}

void CancelWatch::Stop() {
  {
    MutexLock lock(mutex_);
    in_hand_ = nullptr;
  }
  if (watch_ != nullptr) watch_->Stop();
}

void CancelWatch::OnEntry(const BucketEntry& entry) {
  const std::string event_id = entries_->EventOf(entry.key);
  const std::optional<CancelledEvents::Request> request = Take(event_id, entry);
  if (!request) return;
  const auto state = judge_.Judge(
      event_id, *request, [&] { return WhereIs(event_id); }, [&] { return was_handled_ && was_handled_(event_id); },
      std::chrono::system_clock::now());
  if (state) Write(event_id, *state, request->revision);
}

std::optional<CancelledEvents::Request> CancelWatch::Take(std::string_view event_id, const BucketEntry& entry) {
  const std::optional<CancelState> state =
      entry.operation == BucketOperation::kPut ? ReadCancel(entry.value) : CancelState::kFinished;
  if (!state) Warn("read the request to cancel", event_id, absl::DataLossError("its value is none"));
  const CancelledEvents::Request request{.revision = entry.revision,
                                         .expires_at = LaterBy(entry.created, time_to_live_),
                                         .answered = state != CancelState::kRequested};
  const bool open =
      judge_.Take(event_id, state.value_or(CancelState::kFinished), request, std::chrono::system_clock::now());
  return open ? std::optional(request) : std::nullopt;
}

InHand CancelWatch::WhereIs(std::string_view event_id) {
  std::function<InHand(std::string_view event_id)> in_hand;
  {
    MutexLock lock(mutex_);
    in_hand = in_hand_;
  }
  return in_hand ? in_hand(event_id) : InHand::kNot;
}

// A bucket that does not answer is left alone for a while: events are handled all the same.
bool CancelWatch::LookUp(std::string_view event_id, SteadyTime receives_since) {
  if (events().Holds(event_id, std::chrono::system_clock::now())) return false;
  {
    MutexLock lock(mutex_);
    if (receives_since == unanswered_since_ && std::chrono::steady_clock::now() < look_up_from_) return false;
  }
  const absl::StatusOr<BucketEntry> entry = entries_->Get(event_id, kLookUpTimeout);
  if (entry.ok()) {
    if (const auto request = Take(event_id, *entry))
      events().Hold(event_id, *request, std::chrono::system_clock::now());
  } else if (!absl::IsNotFound(entry.status())) {
    Warn("look for a request to cancel", event_id, entry.status());
    MutexLock lock(mutex_);
    look_up_from_ = DeadlineAfter(kLookUpPause);
    unanswered_since_ = receives_since;
  }
  return true;
}

void CancelWatch::Answer(std::string_view event_id) {
  if (const auto revision = events().Unanswered(event_id)) Write(event_id, CancelState::kQueued, *revision);
}

// Another process may have answered first.
void CancelWatch::Write(std::string_view event_id, CancelState state, std::uint64_t revision) {
  const absl::Status written = entries_->Update(event_id, WrittenCancel(state), revision, kAnswerTimeout).status();
  if (!written.ok() && !absl::IsAborted(written)) Warn("answer the request to cancel", event_id, written);
}

void CancelWatch::Warn(std::string_view what, std::string_view event_id, const absl::Status& why) const {
  if (!log_) return;
  log_(LogLevel::kWarning, absl::StrCat(std::string(what), " event ", Quoted(event_id), " in bucket ",
                                        Quoted(entries_->bucket()), ": ", std::string(why.message())));
}

}  // namespace penstock::eventbus
