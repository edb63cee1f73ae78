// SPDX-License-Identifier: Apache-2.0
// What a subscription does about its dead letters, and looks up in streams.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "bus/dead_letters/letter_headers.h"
#include "bus/subscribe/subscription.h"
#include "naming/names.h"

namespace penstock::eventbus {

// What was read before ownership was lost once more may be out of date: then the next tick looks again.
absl::Status Subscription::LookUpQuarantine() {
  const std::uint64_t losses = BeginReading();
  auto quarantine = quarantine_reader_.Read();
  if (!quarantine.ok()) return quarantine.status();
  MutexLock lock(mutex_);
  if (losses != ownership_losses_) {
    quarantine_reader_.Forget();
    return absl::OkStatus();
  }
  *quarantine ? flow_.Quarantined(**std::move(quarantine)) : flow_.LettersUnchanged();
  quarantine_known_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

// How often ownership was lost before.
std::uint64_t Subscription::BeginReading() {
  MutexLock lock(mutex_);
  flow_.ReadsLetters();
  return ownership_losses_;
}

// On the thread of the letters: leases are extended meanwhile.
void Subscription::ReadLettersLater() {
  if (reads_letters_.exchange(true, std::memory_order_acquire)) return;
  const auto call = std::make_shared<Call>(*this);
  const bool begins = context_.dead_letters.Later([this, call] {
    quarantine_reader_.LogTrouble(LookUpQuarantine());
    reads_letters_.store(false, std::memory_order_release);
  });
  if (!begins) reads_letters_.store(false, std::memory_order_release);
}

void Subscription::OnDeadLettered(InFlightMessage& item, bool stored) {
  Call call(*this);
  if (stored) LogDeadLetter(item);
  if (stored && spec_.given_up) KeepFailure(item);
  if (stored && spec_.cancels) spec_.cancels->events().NoteOver(PercentDecode(OriginalId(*item.message)));
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.DeadLettered(item, stored, now, actions); });
}

void Subscription::OnLetterRemoved(InFlightMessage& item, LetterRemoval removal) {
  Call call(*this);
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.LetterRemoved(item, removal, now, actions); });
}

void Subscription::OnLetterLookedUp(InFlightMessage& item, LetterPresence presence) {
  Call call(*this);
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.LetterLookedUp(item, presence, now, actions); });
}

// No message keeps this object until the answer: it counts as a call until then.
void Subscription::LookUpOverdue(const std::vector<std::uint64_t>& sequences) {
  for (const std::uint64_t sequence : sequences) {
    const auto call = std::make_shared<Call>(*this);
    context_.look_ups.LookUp(spec_.consumer_spec.stream, sequence, [this, sequence, call](bool gone) {
      RunActions([&](TimePoint now, Actions& actions)
                     ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.OverdueLookedUp(sequence, gone, now, actions); });
    });
  }
}

void Subscription::OnLookedUp(InFlightMessage& item, bool gone) {
  Call call(*this);
  if (gone)
    Log(LogLevel::kWarning, absl::StrFormat("message %d is to run again and is gone from its stream", item.sequence));
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.LookedUp(item, gone, now, actions); });
}

}  // namespace penstock::eventbus
