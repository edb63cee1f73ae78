// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/follow/topic_follower.h"
#include "bus/publish/topic_streams.h"
#include "bus/read/reader_set.h"
#include "bus/subscribe/subscription_set.h"
#include "bus/subscribe/subscription_spec.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/reader.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// The topic of a class of a topic.
std::string ClassTopic(std::string_view topic, std::string_view name);

/// Subscribes, to a topic or to all that a pattern takes, with a handler or for a reader.
///
/// **Thread safety:** thread-safe. **Ownership:** all that it is given outlives it.
/// **Shutdown:** `StopReading`, then `Stop`, while `Parts::subscriptions` is there.
class TopicSubscriptions {
 public:
  struct Parts {
    const BusOptions& options;
    Transport& transport;
    TopicStreams& streams;
    SubscriptionSet& subscriptions;
    SubscriptionContext context;
  };
  /// Makes the spec of a subscription to one topic. May block.
  using SpecMaker = std::function<absl::StatusOr<SubscriptionSpec>(std::string_view topic)>;

  explicit TopicSubscriptions(Parts parts);

  /// `kInvalidArgument` for what is neither a topic nor a pattern.
  absl::Status CheckTopics(std::string_view what, std::string_view topic) const;

  /// `classes` of the topic, the most urgent first: all of them, and the topic itself, which comes last. They share the
  /// `max_concurrent` of their specs.
  absl::StatusOr<SubscriptionId> Subscribe(std::string_view topic, Storage storage, SpecMaker make,
                                           const std::vector<std::string>& classes = {});
  absl::StatusOr<Reader> Read(std::string_view topic, ReaderOptions options);
  absl::Status Unsubscribe(SubscriptionId id);

  /// Ends the subscriptions with these IDs, and lets go of readers that have ended. On the ticking thread.
  void Tick(const std::set<SubscriptionId>& disconnected);
  /// Looks for no more topics, and ends all readers.
  void StopReading();
  /// Waits for a look for new topics that runs. Idempotent.
  void Stop() { follower_.Stop(); }
  void AddReaderStats(BusStats& stats) const { readers_.AddStats(stats); }

 private:
  absl::StatusOr<SubscriptionId> SubscribeTopic(absl::StatusOr<SubscriptionSpec> made, Storage storage);
  absl::StatusOr<std::uint64_t> ReadTopic(ReadChannel& channel, const std::string& topic, ConsumerSpec spec);
  absl::Status ReadPattern(const std::shared_ptr<ReadChannel>& channel, SubscriptionId id, const std::string& pattern);
  void Aim(ConsumerSpec& spec, const std::string& topic, Storage storage) const;

  absl::StatusOr<SubscriptionId> SubscribeClasses(std::string_view topic, const std::vector<std::string>& classes,
                                                  const SpecMaker& make);
  absl::StatusOr<SubscriptionId> SubscribeClass(SubscriptionId id, std::string_view topic, SubscriptionSpec spec,
                                                std::size_t rank, std::shared_ptr<PoolSlots::Group>& group);
  bool RemoveClasses(SubscriptionId id, bool wait);

  const Parts parts_;
  ReaderSet readers_;
  Mutex mutex_;
  std::map<SubscriptionId, std::vector<SubscriptionId>> classes_ ABSL_GUARDED_BY(mutex_);
  TopicFollower follower_;
};

}  // namespace penstock::eventbus
