// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/quarantine_reader.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/pool_access.h"

namespace penstock::eventbus {
namespace {

// Fewer are read before anybody looks for the reason.
constexpr std::uint64_t kManyLetters = 10'000;
constexpr std::chrono::seconds kPause{1};

}  // namespace

absl::StatusOr<std::optional<Quarantine>> QuarantineReader::Read() {
  if (read_ && letters_.StillHolds(*read_)) return std::nullopt;
  read_.reset();
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t of_topic = 0;
  auto found = letters_.Outstanding(spec_.topic, spec_.consumer_spec.consumer, [&](std::uint64_t count) {
    of_topic = count;
    LogBegin(count);
  });
  if (!found.ok()) return found.status();
  Quarantine quarantine;
  for (const auto& letter : found->letters) {
    if (!letter.key.empty()) quarantine.Add(actorpool::internal::PoolAccess::HashOf(letter.key), letter.origin);
  }
  read_ = std::move(found->contents);
  LogEnd(of_topic, quarantine.keys(), std::chrono::steady_clock::now() - begun);
  return quarantine;
}

bool QuarantineReader::IsDue(TimePoint now) {
  if (now < next_) return false;
  next_ = now + kPause;
  return true;
}

void QuarantineReader::LogTrouble(const absl::Status& status) {
  const std::string trouble(status.message());
  if (log_ && !trouble.empty() && trouble != trouble_) {
    log_(LogLevel::kWarning, absl::StrFormat("subscription %d to %s: cannot read its dead letters yet: %s", spec_.id,
                                             Quoted(spec_.topic), trouble));
  }
  trouble_ = trouble;
}

void QuarantineReader::LogBegin(std::uint64_t letters) const {
  if (!log_ || letters < kManyLetters) return;
  log_(LogLevel::kInfo, absl::StrFormat("subscription %d to %s: reads %d dead letters before it handles anything",
                                        spec_.id, Quoted(spec_.topic), letters));
}

void QuarantineReader::LogEnd(std::uint64_t letters, std::size_t keys, std::chrono::duration<double> took) const {
  if (!log_ || letters == 0) return;
  log_(LogLevel::kInfo, absl::StrFormat("subscription %d to %s: has read %d dead letters in %.2f s; %d keys are "
                                        "quarantined",
                                        spec_.id, Quoted(spec_.topic), letters, took.count(), keys));
}

}  // namespace penstock::eventbus
