// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "simulation/scenario.h"
#include "simulation/trace.h"

namespace penstock::eventbus::simulation {

class ModelConsumer;

/// One event of the user, whatever becomes of it.
struct Event {
  std::uint64_t key = 0;  ///< 0: none
  bool poison = false;
  bool handled = false;
  bool given_up = false;  ///< it went to the dead letters
  bool dropped = false;   ///< acknowledged, and not handled: it had expired, or was cancelled
  TimePoint expires_at = TimePoint::max();
  bool cancelled = false;             ///< a caller was told that no handler begins any more
  bool cancel_lost = false;           ///< a process could not look for that
  bool called_off = false;            ///< it was delayed, and a caller was told that it will not be published
  TimePoint due{};                    ///< when it was put forward
  bool excused = false;               ///< its stream was deleted, or it may be lost (at most once)
  std::vector<std::size_t> copies{};  ///< the records that are it as published: more than one when it was stored twice
};

/// One message in the stream: an event as published or as redriven.
struct Record {
  std::size_t event = 0;
  std::uint64_t sequence = 0;
  std::uint64_t origin = 0;
  std::uint64_t letter = 0;
  bool for_other_consumer = false;
  std::size_t bytes = 0;
  TimePoint stored_at{};
  bool began = false;
  bool completed = false;                   ///< by some process: handled, or dropped
  bool letter_stored = false;               ///< and a process was told
  const ModelConsumer* acked_by = nullptr;  ///< last
  TimePoint acked_at{};
  std::vector<int> completed_in{};
};

/// One dead letter.
struct Letter {
  std::size_t event = 0;
  std::uint64_t key = 0;
  std::uint64_t origin = 0;
};

/// The record of everything that happened, over all processes, and of what may not have.
///
/// Thread-compatible.
class Ledger {
 public:
  Ledger(const Scenario& scenario, Trace& trace) : scenario_(scenario), trace_(trace) {}

  [[noreturn]] void Break(const char* invariant, std::string story) const;
  void Require(bool holds, const char* invariant, const char* story, std::uint64_t subject) const {
    if (!holds) Break(invariant, std::string(story) + " (" + std::to_string(subject) + ")");
  }

  std::size_t NewEvent(std::uint64_t key, bool poison);
  /// A message with the next sequence is in the stream. Returns its number here.
  std::size_t Stored(Record record);
  /// The stream is gone; sequences begin again.
  void StreamMadeAgain();

  const Event& event(const Record& record) const { return events_[record.event]; }
  /// Most events have the lowest.
  int PriorityOf(const Record& record) const {
    if (!scenario_.by_priority() || record.event % 3 != 0) return 0;
    return static_cast<int>(record.event / 3 * 31 % static_cast<std::size_t>(scenario_.priorities));
  }
  const Record& record(std::size_t number) const { return records_[number]; }
  Record& record(std::size_t number) { return records_[number]; }
  /// The number of a message in the present stream.
  std::size_t AtSequence(std::uint64_t sequence) const { return stream_[sequence - 1]; }
  std::uint64_t KeyHash(std::uint64_t key) const;

  /// A handler of `process` begins, after all that must come before it.
  void Begins(std::size_t number, int process);
  /// A handler of `process` begins with this fencing token.
  void Fenced(std::uint64_t fence, int process);
  void Completed(std::size_t number, int process);
  /// A message was acknowledged without being handled: it had expired, or was cancelled.
  void Dropped(std::size_t number, int process);
  /// The event has a time of its own.
  void Expires(std::size_t event, TimePoint at) { events_[event].expires_at = at; }
  std::uint64_t KeyOf(std::size_t event) const { return events_[event].key; }
  /// A delayed event was put forward, due at that time.
  void IsDue(std::size_t event, TimePoint at) { events_[event].due = at; }
  /// A delayed event may be lost.
  void Excuse(std::size_t event) { events_[event].excused = true; }
  void Cancel(std::size_t event) { events_[event].cancelled = true; }
  /// The event may begin although it was cancelled: where that is kept did not answer.
  void CancelledUnseen(std::size_t event) { events_[event].cancel_lost = true; }
  /// It was handled, or given up.
  bool IsOver(std::size_t event) const;
  void CallOff(std::size_t event) { events_[event].called_off = true; }
  bool IsCalledOff(std::size_t event) const { return events_[event].called_off; }
  bool HasExpired(const Record& record, TimePoint now) const;
  void LetterTold(std::size_t number);
  /// A redriven message was acknowledged unseen, since its letter is gone.
  void Obsolete(std::size_t number) { LeaveLine(records_[number]); }
  /// A message was acknowledged unseen, as the copy of another.
  void RecognisedAsCopy(std::size_t number);
  /// Whether another copy of the event is over.
  bool HasCopyThatIsOver(std::size_t number) const;

  /// A message that was handled may run again in another process: the server could not be told in time.
  void AllowAgain(std::size_t number) { again_.insert(number); }
  bool MayRunAgain(std::size_t number) const { return again_.contains(number); }
  std::size_t reruns() const { return reruns_; }
  std::uint64_t progress() const { return progress_; }
  void Progress() { ++progress_; }

  /// Dead letters.
  std::map<std::uint64_t, Letter>& letters() { return letters_; }
  const std::map<std::uint64_t, Letter>& letters() const { return letters_; }
  std::uint64_t StoreLetter(std::size_t number);

  /// Everything handled, or dead-lettered, or excused.
  void CheckNothingLost() const;

 private:
  bool IsCurrent(const Record& record) const;
  bool CompletedBy(const Record& record, int process) const;
  void CheckOrder(const Record& record) const;
  void LeaveLine(const Record& record);
  void Finish(std::size_t number, int process);
  std::uint64_t PlaceOf(const Record& record) const;

  const Scenario& scenario_;
  Trace& trace_;
  std::vector<Event> events_{};
  std::vector<Record> records_{};
  std::vector<std::size_t> stream_{};            // records, by sequence
  std::vector<std::set<std::uint64_t>> open_{};  // of each key, the places of what is not over
  std::set<std::size_t> again_{};
  std::set<std::pair<int, std::uint64_t>> letters_handled_{};  // by process
  std::map<std::uint64_t, Letter> letters_{};
  std::map<std::size_t, std::uint64_t> letter_of_record_{};  // the stream of dead letters knows its duplicates
  std::uint64_t last_letter_ = 0;
  std::map<int, std::uint64_t> fences_{};  // the highest of each process
  std::size_t reruns_ = 0;
  std::uint64_t progress_ = 0;
};

}  // namespace penstock::eventbus::simulation
