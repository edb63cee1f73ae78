// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/delay/relay_book.h"
#include "bus/delay/removal_queue.h"
#include "simulation/delay/delay_checker.h"
#include "simulation/delay/delayed_stream.h"

namespace penstock::eventbus::simulation {

/// The relay of one process, as `DelayRelay` is: a thread that blocks while it reads, one that removes, and news for
/// the first that it heeds between two steps. What it does next is decided by the product's own classes.
///
/// Thread-compatible. **Shutdown:** `Stop`; it may be destroyed when the run is over only.
class ModelRelay {
 public:
  ModelRelay(const Scenario& scenario, EventQueue& event_queue, DelayedStream& stream, DelayChecker& checker,
             const Ledger& ledger, int process);

  int process() const { return process_; }

  // News.
  void Arrived(const std::vector<DelayedEntry>& entries);
  /// Somebody owns the durable now.
  void Owns(bool ours);
  void Proven(TimePoint sent);
  void StreamMadeAgain();

  /// Publishes nothing more.
  void BeginStop() { stopping_ = true; }
  /// The process is gone, or has ended.
  void Stop(bool released);

 private:
  struct News {
    std::vector<DelayedEntry> arrived{};
    std::vector<std::pair<RelayBook::Ticket, bool>> published{};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> removed{};  // sequence, epoch
    std::vector<std::pair<std::uint64_t, std::uint64_t>> marks{};    // beginning, sequence; 0: not stored
    bool others_owned = false;
    bool other_stream = false;
    bool any = false;
  };

  /// Calls `what` unless it was stopped by then.
  DelayedStream::Answer Here(DelayedStream::Answer what);
  DelayedStream::Answer Done(DelayedStream::Answer what);
  void TellNews();
  void WakeAt(TimePoint when);
  void Turn();
  void Steps();
  void LookLater();
  void Heed();
  void Note(const DelayedEntry& entry, bool with_body);
  void RemoveSoon(std::uint64_t sequence, std::string subject, bool look = false);
  void Settle(const RelayBook::Ticket& ticket, bool stored);
  bool MayHandle() const;
  bool Step();
  void PutMark();
  void Marked(std::uint64_t beginning, std::uint64_t sequence);
  void Load();
  void LoadFrom(TimePoint when);
  void Read(const DueQueue::Unread& unread);
  void Publish(std::uint64_t sequence);
  void Remove();
  void RemoveNow(const RemovalQueue::Item& item);
  void Removed(const RemovalQueue::Item& item);
  void NotRemoved(const RemovalQueue::Item& item);

  EventQueue& event_queue_;
  DelayedStream& stream_;
  DelayChecker& checker_;
  const Ledger& ledger_;
  const int process_;
  RelayBook book_;
  RemovalQueue removals_{};
  News news_{};
  bool owned_ = false;       // at some time
  bool others_own_ = false;  // or did since
  TimePoint proven_{};
  TimePoint loads_from_{};
  TimePoint turn_began_{};
  TimePoint next_ = TimePoint::max();
  bool busy_ = false;
  bool removing_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
};

}  // namespace penstock::eventbus::simulation
