// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "bus/publish/envelope_publisher.h"
#include "bus/publish/topic_streams.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Stores messages until they are due, and calls them off.
///
/// **Thread safety:** thread-safe. Outlived by what it is given.
class DelayedMessages {
 public:
  DelayedMessages(const BusOptions& options, Transport& transport, TopicStreams& streams,
                  const EnvelopePublisher& publisher)
      : options_(options), transport_(transport), streams_(streams), publisher_(publisher) {}

  /// Stores the envelope until it is due; one of its topic and event ID that waits already is replaced. Blocks as
  /// `EnvelopePublisher`, and for the first message, which makes the stream. `done` may outlive the call, not the
  /// transport.
  absl::Status Publish(std::string_view topic, Envelope envelope, PublishOptions options, PublishCallback done);

  /// As `EventBus::CancelDelayed`.
  absl::Status CallOff(std::string_view topic, std::string_view id);

 private:
  absl::Status CallOffOnce(std::string_view subject);

  const BusOptions& options_;
  Transport& transport_;
  TopicStreams& streams_;
  const EnvelopePublisher& publisher_;
};

}  // namespace penstock::eventbus
