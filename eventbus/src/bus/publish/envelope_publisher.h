// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/publish/topic_streams.h"
#include "bus/publish/warning_rate.h"
#include "penstock/actorpool/internal/counter.h"
#include "penstock/actorpool/internal/latency_histogram.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Checks, encodes, counts and sends what the bus publishes.
///
/// **Thread safety:** thread-safe. **Blocking:** while the transport's window is full, and for a topic's first publish,
/// which makes its stream. Callbacks given to it may outlive its methods, not its transport; the transport is closed
/// before this is destroyed.
class EnvelopePublisher {
 public:
  EnvelopePublisher(const BusOptions& options, Transport& transport, TopicStreams& streams);

  absl::Status PublishBytes(std::string_view topic, std::string_view body, PublishOptions options,
                            PublishCallback done);
  absl::Status PublishEnvelope(std::string_view topic, Envelope&& envelope, PublishOptions&& options,
                               PublishCallback done);
  /// The message that `PublishEnvelope` would send. Blocks and fails as that does before it sends.
  absl::StatusOr<OutboundMessage> Prepare(std::string_view topic, Envelope&& envelope, PublishOptions&& options) const;

  std::vector<TopicPublishStats> TopicStats() const;
  actorpool::LatencySnapshot Latency() const;

 private:
  using Latencies = actorpool::LatencyHistogram<actorpool::SharedCounter>;
  /// Statistics of one topic.
  struct Counts {
    std::string topic{};
    actorpool::SharedCounter published, duplicates, failed, bytes;
    std::atomic<std::uint64_t> last_sequence{0};  // relaxed: a hint, that of the last PubAck
    Mutex mutex;
    WarningRate duplicate_warnings ABSL_GUARDED_BY(mutex){};
    std::shared_ptr<Latencies> latency{};  // of all topics together
  };
  /// A topic as somebody publishes to it.
  struct Destination {
    std::string_view topic{};
    std::shared_ptr<Counts> counts{};  // null: nothing was published to it before
  };

  /// Fills `message`, which is empty; topic and options were checked.
  static absl::Status Encode(std::string_view topic, Envelope&& envelope, PublishOptions&& options,
                             OutboundMessage& message);
  /// Checks topic and options.
  absl::StatusOr<Destination> Check(std::string_view topic, const PublishOptions& options) const;
  /// `given_id`: the message's ID if the caller chose it.
  absl::Status Send(Destination to, Storage storage, OutboundMessage&& message, std::string given_id,
                    PublishCallback done);
  /// On a thread of the transport.
  void Count(Counts& counts, const std::string& message_id, const absl::StatusOr<PubAck>& ack);
  void WarnOfDuplicate(Counts& counts, const std::string& message_id) const;
  absl::Status CheckSize(const OutboundMessage& message, Storage storage, std::size_t limit) const;
  std::shared_ptr<Counts> FindCounts(std::string_view topic) const;
  std::shared_ptr<Counts> MakeCounts(std::string_view topic);

  const BusOptions& options_;
  Transport& transport_;
  TopicStreams& streams_;
  const std::shared_ptr<Latencies> latency_ = std::make_shared<Latencies>();
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Counts>, std::less<>> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
