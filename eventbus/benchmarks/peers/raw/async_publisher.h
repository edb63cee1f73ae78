// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "session.h"

namespace penstock::benchmarks {

/// The headers of one message, under the names that Penstock gives them.
struct MessageHeaders {
  std::string aggregate_id{};
  std::string message_id{};  ///< of 36 characters, as long as a UUID
  std::string_view event_type = "BenchmarkRun";
  std::string_view content_type = "application/octet-stream";
};

/// The ID of message `number`: of 36 characters, and unique among all runs.
std::string MessageIdOf(std::uint64_t number);

/// The aggregate of message `number` of those that go round `keys` aggregates.
std::string AggregateOf(std::uint64_t number, std::uint64_t keys);

absl::StatusOr<MessageHandle> MakeMessage(const std::string& subject, const MessageHeaders& headers,
                                          std::string_view body);

/// `js_PublishMsgAsync` with up to `window` messages under way, every PubAck tracked. Used by one thread.
class AsyncPublisher {
 public:
  static absl::StatusOr<std::unique_ptr<AsyncPublisher>> Create(const Session& session, std::int64_t window);

  /// Waits for a place in the window. Order of calls is order in the stream.
  absl::Status Publish(MessageHandle message);
  /// Waits for the last PubAck. Not OK if a single one was an error or did not come. A duplicate is no error to nats.c:
  /// whoever minds counts what the stream holds.
  absl::Status Complete();

 private:
  static void OnError(jsCtx* context, jsPubAckErr* error, void* closure);

  // Written by nats.c's thread, read once every PubAck is in; relaxed, since `js_PublishAsyncComplete` orders them.
  std::atomic<std::uint64_t> refused_{0};
  std::unique_ptr<jsCtx, Destroy> context_;
};

}  // namespace penstock::benchmarks
