// SPDX-License-Identifier: Apache-2.0
// Dead letters and look-ups of a process of the simulation.
#include "simulation/process/process.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;

}  // namespace

void Process::StoreLetter(InFlightMessage& item) {
  const std::size_t number = FactsOf(*item.message).record;
  trace_.Note("dead letter on its way", item.sequence);
  const microseconds there = network_.Delay(), back = network_.Delay();
  const bool arrives = conditions_.calm || !random_.PerMille(30);
  const bool confirmed = arrives && (conditions_.calm || !random_.PerMille(30));
  const std::uint64_t generation = network_.stream_generation();
  // It is sent already, so that it arrives although its process is gone by then.
  event_queue_.After(there, [this, &item, number, back, arrives, confirmed, generation] {
    const bool stored = arrives && !conditions_.letters_down;
    if (stored && generation == network_.stream_generation()) ledger_.StoreLetter(number);
    Later(back, [this, &item, told = stored && confirmed] {
      if (told) invariants_.LetterTold(item);
      if (told && cancels_) cancels_->GivenUp(EventOf(item));
      if (item.stale) invariants_.StaleEnded();
      Do([&](Actions& actions) {
        invariants_.NotUnderWay(item);
        flow_->DeadLettered(item, told, event_queue_.now(), actions);
      });
    });
  });
}

Quarantine Process::LettersNow() const {
  Quarantine letters;
  for (const auto& [sequence, letter] : ledger_.letters()) {
    if (letter.key != 0) letters.Add(ledger_.KeyHash(letter.key), letter.origin);
  }
  return letters;
}

void Process::ReadLetters() {
  if (conditions_.letters_down || reads_letters_) return;
  reads_letters_ = true;
  flow_->ReadsLetters();
  Later(network_.Delay(), [this, losses = ownership_losses_] {
    Later(network_.Delay(), [this, losses, letters = LettersNow()] {
      reads_letters_ = false;
      if (losses != ownership_losses_) return;
      flow_->Quarantined(letters);
      quarantine_known_ = true;
    });
  });
}

void Process::LookUpLetter(InFlightMessage& item) {
  const bool answered = conditions_.calm || !random_.PerMille(100);
  Later(network_.Delay(), [this, &item, letter = item.letter, answered] {
    LetterPresence presence = LetterPresence::kUnknown;
    if (answered && !conditions_.letters_down)
      presence = ledger_.letters().contains(letter) ? LetterPresence::kThere : LetterPresence::kGone;
    Later(network_.Delay(), [this, &item, presence] {
      if (item.stale) invariants_.StaleEnded();
      Do([&](Actions& actions) {
        invariants_.LookedUp(item);
        flow_->LetterLookedUp(item, presence, event_queue_.now(), actions);
      });
    });
  });
}

// Nothing is deleted from the stream here.
void Process::LookUp(InFlightMessage& item) {
  Later(network_.Delay() + network_.Delay(), [this, &item] {
    if (item.stale) invariants_.StaleEnded();
    Do([&](Actions& actions) {
      invariants_.LookedUp(item);
      flow_->LookedUp(item, /*gone=*/false, event_queue_.now(), actions);
    });
  });
}

void Process::LookUpOverdue(std::uint64_t sequence) {
  Later(network_.Delay() + network_.Delay(), [this, sequence] {
    Do([&](Actions& actions) { flow_->OverdueLookedUp(sequence, /*gone=*/false, event_queue_.now(), actions); });
  });
}

void Process::RemoveLetter(InFlightMessage& item) {
  const std::uint64_t letter = item.letter;
  const microseconds there = network_.Delay(), back = network_.Delay();
  const bool arrives = conditions_.calm || !random_.PerMille(30);
  const bool confirmed = arrives && (conditions_.calm || !random_.PerMille(30));
  event_queue_.After(there, [this, &item, letter, back, arrives, confirmed] {
    const bool removed = arrives && !conditions_.letters_down;
    if (removed && ledger_.letters().erase(letter) > 0) trace_.Note("letter removed", letter);
    Later(back, [this, &item, told = removed && confirmed] {
      if (item.stale && told) invariants_.StaleEnded();
      Do([&](Actions& actions) {
        invariants_.NotUnderWay(item);
        if (!told) invariants_.LetterStays(item);
        flow_->LetterRemoved(item, told ? LetterRemoval::kRemoved : LetterRemoval::kFailed, event_queue_.now(),
                             actions);
      });
    });
  });
}

}  // namespace penstock::eventbus::simulation
