// SPDX-License-Identifier: Apache-2.0
#include "typed/unique_claims.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

using Json = nlohmann::json;

constexpr const char* kEventId = "event_id";
constexpr const char* kStream = "stream";
constexpr const char* kSequence = "sequence";
constexpr std::chrono::seconds kNoteTimeout{1};

}  // namespace

absl::StatusOr<UniqueClaims> UniqueClaims::Open(EventBus& bus, std::string_view topic, std::string_view durable,
                                                const ResultOptions& results) {
  EventEntries::Where where{.field = "results",
                            .topic = topic,
                            .durable = durable,
                            .bucket = results.bucket,
                            .time_to_live = results.time_to_live};
  auto kept = EventEntries::Open(bus, where);
  if (!kept.ok()) return kept.status();
  where.use = "unique";
  auto claims = EventEntries::Open(bus, where);
  if (!claims.ok()) return claims.status();
  return UniqueClaims(*std::move(claims), *std::move(kept));
}

std::string UniqueClaims::Written(const Claim& claim) {
  Json line = {{kEventId, claim.event_id}};
  if (claim.stored) {
    line[kStream] = claim.stored->stream;
    line[kSequence] = claim.stored->sequence;
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<UniqueClaims::Claim> UniqueClaims::Read(std::string_view written) {
  const Json line = Json::parse(written, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return std::nullopt;
  const auto id = line.find(kEventId);
  if (id == line.end() || !id->is_string()) return std::nullopt;
  Claim claim{.event_id = id->get<std::string>()};
  if (!EventEntries::CheckId(claim.event_id).ok()) return std::nullopt;
  const auto stream = line.find(kStream);
  const auto sequence = line.find(kSequence);
  if (stream != line.end() && stream->is_string() && sequence != line.end() && sequence->is_number_unsigned())
    claim.stored = PubAck{.stream = stream->get<std::string>(), .sequence = sequence->get<std::uint64_t>()};
  return claim;
}

absl::StatusOr<bool> UniqueClaims::IsFinished(const Claim& claim, TimePoint deadline) {
  const absl::StatusOr<BucketEntry> result = results_->Get(claim.event_id, TimeoutUntil(deadline));
  if (absl::IsNotFound(result.status())) return false;
  if (!result.ok()) return result.status();
  return true;
}

// `kAborted` and `kAlreadyExists` when somebody was faster. What is no claim is written over.
absl::StatusOr<UniqueClaims::Claim> UniqueClaims::TakeOnce(std::string_view name, std::string_view event_id,
                                                           TimePoint deadline) {
  Claim mine{.event_id = std::string(event_id)};
  const absl::StatusOr<BucketEntry> entry = claims_->Get(name, TimeoutUntil(deadline));
  if (!entry.ok() && !absl::IsNotFound(entry.status())) return entry.status();
  if (std::optional<Claim> held = entry.ok() ? Read(entry->value) : std::nullopt) {
    const auto finished = IsFinished(*held, deadline);
    if (!finished.ok()) return finished.status();
    held->revision = entry->revision;
    if (!*finished) return *std::move(held);
  }
  const auto revision = entry.ok() ? claims_->Update(name, Written(mine), entry->revision, TimeoutUntil(deadline))
                                   : claims_->Create(name, Written(mine), TimeoutUntil(deadline));
  if (!revision.ok()) return revision.status();
  mine.revision = *revision;
  return mine;
}

absl::StatusOr<UniqueClaims::Claim> UniqueClaims::Take(std::string_view name, std::string_view event_id,
                                                       TimePoint deadline) {
  do {
    absl::StatusOr<Claim> claim = TakeOnce(name, event_id, deadline);
    if (!absl::IsAborted(claim.status()) && !absl::IsAlreadyExists(claim.status())) return claim;
  } while (std::chrono::steady_clock::now() < deadline);
  return absl::DeadlineExceededError(
      absl::StrCat("others were faster each time to send a message of the unique name ", Quoted(name)));
}

void UniqueClaims::NoteStored(std::string_view name, const Claim& claim, const PubAck& ack) {
  const Claim stored{.event_id = claim.event_id, .stored = ack};
  claims_->Update(name, Written(stored), claim.revision, kNoteTimeout).status().IgnoreError();
}

}  // namespace penstock::eventbus
