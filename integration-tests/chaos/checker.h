// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chaos/event_plan.h"
#include "chaos/ledger.h"

namespace penstock::chaos {

/// One life of the consumer process.
struct ConsumerLife {
  std::vector<Record> records{};            ///< `kStart` and `kEnd`, in the ledger's order
  std::optional<std::int64_t> killed_ns{};  ///< just before it was sent SIGKILL; nothing: it ended by itself
  /// Messages it may have had in hand when it was killed: its credit, or more where a waiting key had widened the
  /// window.
  std::size_t window = 0;
};

/// Everything that is known after a run.
struct History {
  std::vector<Record> published{};        ///< `kAttempt` and `kAcked`
  std::vector<ConsumerLife> consumers{};  ///< in the order they were started
  std::vector<EventRef> dead_letters{};   ///< as the dead-letter stream holds them
  std::vector<EventRef> poison{};         ///< the events that belong there
  std::uint64_t unreadable_dead_letters = 0;
  std::uint64_t stored = 0;  ///< messages in the stream
};

/// The findings about a history. "Ended" is handled or in the dead-letter stream.
struct Findings {
  std::uint64_t published = 0;  ///< events attempted
  std::uint64_t acked = 0;
  std::uint64_t handled = 0;  ///< distinct events that a handler finished
  std::uint64_t dead_lettered = 0;
  std::uint64_t wrongly_dead_lettered = 0;  ///< no poison
  std::uint64_t lost = 0;                   ///< acked, never ended
  std::uint64_t lost_prefix = 0;            ///< of these: nothing acked before them in their key ended
  std::uint64_t lost_middle = 0;            ///< of these: some before and some after them ended
  std::uint64_t lost_postfix = 0;           ///< of these: nothing acked after them in their key ended
  std::uint64_t unexpected = 0;  ///< handled or dead-lettered, never attempted, or with a payload that is not ours
  std::uint64_t duplicated_in_stream = 0;  ///< stored more than once
  /// Began before the one before it in its key had ended for good, or was handled again out of order.
  std::uint64_t order_violations = 0;
  std::uint64_t concurrent_handlers = 0;   ///< handlers that began while another of the same key ran
  std::uint64_t reruns_without_crash = 0;  ///< handled again, no consumer having been killed in between
  std::uint64_t reruns_after_crash = 0;
  std::uint64_t consumer_crashes = 0;
  std::uint64_t max_reruns_per_crash = 0;
  std::uint64_t reruns_beyond_window = 0;  ///< after a crash, more than the dead process may have had in hand
};

/// Classifies as Jepsen does: what was acknowledged against what ended, and each key's handlers in time.
Findings Check(const History& history);

}  // namespace penstock::chaos
