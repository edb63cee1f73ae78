// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "memory/memory_message.h"
#include "penstock/eventbus/options.h"
#include "transport/transport.h"

namespace penstock::eventbus::memory {

using TimePoint = std::chrono::steady_clock::time_point;

/// The messages of one stream, with its limits and its duplicate window. Both storages live in memory; the spec
/// remembers which was asked for. Pure: no thread, no clock of its own.
///
/// **Thread safety:** thread-confined (to the broker's lock).
/// **Ordering:** sequences ascend from 1; what expires or is discarded leaves from the front, what is deleted leaves a
/// gap.
class MemoryStream {
 public:
  explicit MemoryStream(StreamSpec spec);

  const StreamSpec& spec() const { return spec_; }
  /// Sequence of the oldest message kept; `last_sequence() + 1` when there is none.
  std::uint64_t first_sequence() const { return first_sequence_; }
  /// Sequence of the newest message ever stored; 0 before the first.
  std::uint64_t last_sequence() const { return first_sequence_ + entries_.size() - 1; }
  /// Subjects, headers and bodies kept.
  std::int64_t bytes() const { return bytes_; }

  /// Stores the message, or finds that its ID was stored within the duplicate window. Discards old messages to make
  /// room when the spec says so; else, and for a message larger than a bound, `kResourceExhausted`. Headers count as
  /// with a server: `Nats-Expected-Last-Subject-Sequence` (`kAborted` when the subject's last sequence is another) and
  /// `Nats-Rollup: sub`, which removes the subject's earlier messages.
  absl::StatusOr<PubAck> Append(OutboundMessage message, TimePoint now,
                                std::chrono::system_clock::time_point stored_at);

  /// Removes one message; its ID stays known. False when the stream does not have it.
  bool Delete(std::uint64_t sequence);

  /// It has neither messages nor message IDs to know again.
  bool empty() const { return entries_.empty() && ids_in_order_.empty(); }

  /// Forgets what has become too old: messages and message IDs.
  void Expire(TimePoint now);

  /// When `Expire` will next find something; `TimePoint::max()` for never.
  TimePoint NextExpiry() const;

  /// The message of that sequence; null when it is gone or not there yet.
  std::shared_ptr<const Record> Find(std::uint64_t sequence) const;

  /// The first message after `sequence` whose subject `filter` takes; null when there is none.
  std::shared_ptr<const Record> NextAfter(std::string_view filter, std::uint64_t sequence) const;

  /// The last message of a subject; null when there is none.
  std::shared_ptr<const Record> FindLast(std::string_view subject) const;

  /// The last messages of all subjects that `filter` takes, by ascending sequence.
  std::vector<std::shared_ptr<const Record>> LastOfEach(std::string_view filter) const;

  /// Number of messages after `sequence` whose subject `filter` takes.
  std::uint64_t CountAfter(std::string_view filter, std::uint64_t sequence) const;

 private:
  struct Entry {
    std::shared_ptr<const Record> record{};  ///< null: deleted; never of the first entry
    std::int64_t bytes = 0;
    TimePoint stored{};
  };
  struct KnownId {
    std::string id{};
    TimePoint stored{};
  };

  void DiscardFirst();
  void DropDeletedFront();
  void RememberId(std::string id, std::uint64_t sequence, TimePoint now);
  void ForgetIds(TimePoint now);
  absl::Status MakeRoom(std::int64_t bytes);
  absl::Status CheckExpectations(const OutboundMessage& message) const;
  absl::Status CheckSize(const Record& record) const;
  void KeepLast(const std::string& subject, std::size_t count);

  const StreamSpec spec_;
  std::deque<Entry> entries_;
  std::uint64_t first_sequence_ = 1;
  std::int64_t bytes_ = 0;
  /// Sequences kept, by subject: what lag is counted with.
  std::map<std::string, std::deque<std::uint64_t>, std::less<>> by_subject_;
  std::deque<KnownId> ids_in_order_;
  /// Keys point into `ids_in_order_`, whose elements stay where they are.
  std::unordered_map<std::string_view, std::uint64_t> sequence_by_id_;
};

}  // namespace penstock::eventbus::memory
