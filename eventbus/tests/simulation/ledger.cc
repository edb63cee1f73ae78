// SPDX-License-Identifier: Apache-2.0
#include "simulation/ledger.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus::simulation {

void Ledger::Break(const char* invariant, std::string story) const { throw Violation{invariant, std::move(story)}; }

std::size_t Ledger::NewEvent(std::uint64_t key, bool poison) {
  events_.push_back({.key = key, .poison = poison});
  if (open_.size() <= key) open_.resize(key + 1);
  return events_.size() - 1;
}

std::size_t Ledger::Stored(Record record) {
  const std::size_t number = records_.size();
  Event& event = events_[record.event];
  if (record.letter == 0) event.copies.push_back(number);
  const bool again = scenario_.quarantines() && record.letter != 0;
  if (event.key != 0 && !record.for_other_consumer && !again) open_[event.key].insert(PlaceOf(record));
  records_.push_back(std::move(record));
  stream_.push_back(number);
  return number;
}

void Ledger::StreamMadeAgain() {
  for (const std::size_t number : stream_) events_[records_[number].event].excused = true;
  stream_.clear();
  letter_of_record_.clear();
  letters_handled_.clear();
  for (auto& places : open_) places.clear();
}

std::uint64_t Ledger::KeyHash(std::uint64_t key) const {
  const std::uint64_t name = scenario_.colliding_keys ? key / 2 : key;
  return Random(name + 77).Next();
}

// A redriven message is in its old place only where its key has waited for it.
std::uint64_t Ledger::PlaceOf(const Record& record) const {
  return scenario_.quarantines() ? record.origin : record.sequence;
}

// A message that ran when its stream was deleted is of no stream.
bool Ledger::IsCurrent(const Record& record) const {
  return record.sequence <= stream_.size() && &records_[stream_[record.sequence - 1]] == &record;
}

void Ledger::CheckOrder(const Record& record) const {
  const Event& event = events_[record.event];
  if (event.key == 0 || scenario_.mode != Mode::kExclusive || !IsCurrent(record)) return;
  const auto& places = open_[event.key];
  const std::uint64_t place = PlaceOf(record);
  if (!places.contains(place)) return;
  const char* const invariant = scenario_.quarantines() ? "quarantine order" : "key order";
  Require(*places.begin() == place, invariant, "a message began before an earlier one of its key was over",
          record.sequence);
}

bool Ledger::CompletedBy(const Record& record, int process) const {
  const auto& in = record.completed_in;
  return std::find(in.begin(), in.end(), process) != in.end();
}

void Ledger::Fenced(std::uint64_t fence, int process) {
  for (const auto& [other, highest] : fences_) {
    Require(other == process || highest < fence, "rising fence",
            "a message began with a fence that is not above another", highest);
  }
  std::uint64_t& highest = fences_[process];
  highest = std::max(highest, fence);
}

void Ledger::Begins(std::size_t number, int process) {
  Record& record = records_[number];
  CheckOrder(record);
  Require(!record.for_other_consumer, "handled once", "a message that was redriven for another began", record.sequence);
  Require(!CompletedBy(record, process), "handled once", "a message began that this process has handled",
          record.sequence);
  if (record.letter == 0) {
    for (const std::size_t copy : events_[record.event].copies) {
      Require(!CompletedBy(records_[copy], process), "handled once",
              "a message began whose other copy this process has handled", record.sequence);
    }
  }
  const bool keyed = events_[record.event].key != 0;
  Require(record.letter == 0 || !keyed || !letters_handled_.contains({process, record.letter}), "handled once",
          "a letter began twice in one process", record.sequence);
  if (scenario_.mode == Mode::kAtMostOnce) {
    Require(!record.began, "handled once", "at most once, and it began twice", record.sequence);
  } else if (record.completed && scenario_.mode == Mode::kExclusive) {
    ++reruns_;
    Require(again_.contains(number), "bounded re-runs",
            "a message began again although its acknowledgement had arrived", record.sequence);
  }
  record.began = true;
}

void Ledger::Completed(std::size_t number, int process) {
  events_[records_[number].event].handled = true;
  Finish(number, process);
}

void Ledger::Dropped(std::size_t number, int process) {
  events_[records_[number].event].dropped = true;
  Finish(number, process);
}

bool Ledger::IsOver(std::size_t index) const {
  const Event& event = events_[index];
  return event.handled || event.dropped || event.given_up;
}

// Whoever sends an event again wants it handled.
bool Ledger::HasExpired(const Record& record, TimePoint now) const {
  if (record.letter != 0) return false;
  const auto max_age = scenario_.expiry.max_age;
  return now >= events_[record.event].expires_at || (max_age.count() > 0 && now - record.stored_at > max_age);
}

void Ledger::Finish(std::size_t number, int process) {
  Record& record = records_[number];
  const Event& event = events_[record.event];
  record.completed = true;
  record.completed_in.push_back(process);
  ++progress_;
  if (record.letter != 0) letters_handled_.insert({process, record.letter});
  if (event.key != 0 && IsCurrent(record)) open_[event.key].erase(PlaceOf(record));
}

void Ledger::LetterTold(std::size_t number) {
  Record& record = records_[number];
  record.letter_stored = true;
  events_[record.event].given_up = true;
  ++progress_;
  LeaveLine(record);
}

void Ledger::RecognisedAsCopy(std::size_t number) {
  const Record& record = records_[number];
  if (IsCurrent(record)) open_[events_[record.event].key].erase(PlaceOf(record));
}

bool Ledger::HasCopyThatIsOver(std::size_t number) const {
  const auto& copies = events_[records_[number].event].copies;
  return records_[number].letter == 0 && std::any_of(copies.begin(), copies.end(), [&](std::size_t copy) {
           return copy != number && (records_[copy].completed || records_[copy].letter_stored);
         });
}

// Where a key waits for what is in the dead letters, only being handled does.
void Ledger::LeaveLine(const Record& record) {
  const std::uint64_t key = events_[record.event].key;
  if (key != 0 && !scenario_.quarantines() && IsCurrent(record)) open_[key].erase(PlaceOf(record));
}

std::uint64_t Ledger::StoreLetter(std::size_t number) {
  // Known as a duplicate; stored all the same when the first one was removed in between.
  if (auto known = letter_of_record_.find(number);
      known != letter_of_record_.end() && letters_.contains(known->second)) {
    return known->second;
  }
  letter_of_record_[number] = last_letter_ + 1;
  const Record& record = records_[number];
  letters_[++last_letter_] = {.event = record.event, .key = events_[record.event].key, .origin = record.origin};
  trace_.Note("letter stored", last_letter_, "message", record.sequence);
  return last_letter_;
}

void Ledger::CheckNothingLost() const {
  std::set<std::size_t> lettered;
  for (const auto& [sequence, letter] : letters_) lettered.insert(letter.event);
  for (std::size_t index = 0; index < events_.size(); ++index) {
    const Event& event = events_[index];
    Require(event.handled || event.dropped || event.excused || lettered.contains(index), "nothing lost",
            "an event was neither handled nor dead-lettered", index);
  }
}

}  // namespace penstock::eventbus::simulation
