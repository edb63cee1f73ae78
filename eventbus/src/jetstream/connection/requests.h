// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/io/io_loop.h"
#include "jetstream/io/subscription_table.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Asks and waits for answers, all of which come to one subscription.
///
/// **Thread safety:** thread-safe. **Ownership:** refers to its loop. **Blocking:** `Ask`.
class Requests final : public InboundHandler {
 public:
  using Clock = std::chrono::steady_clock;

  /// Answers are to come to subjects below `inbox`.
  Requests(IoLoop& loop, std::string inbox);
  ~Requests() override;
  /// Subscribes to them, before the first question.
  void Subscribe();
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  /// Publishes to `subject` and returns the first answer. `kDeadlineExceeded` without one, `kUnavailable` when nobody
  /// listens on the subject or the connection ended, `kPermissionDenied` with the subject that the server refuses,
  /// `kCancelled` once `stop` is requested. Not on the thread of a loop, which has to bring the answer.
  absl::StatusOr<MessageHandle> Ask(std::string_view subject, std::string_view body, Clock::time_point deadline,
                                    const std::stop_token& stop = {}) {
    return Ask({.subject = subject, .body = body}, deadline, stop);
  }
  /// The same, with headers. The reply subject of `question` is empty. Published once, or with `again` above 0 each
  /// time that so long has passed without an answer: the one that would have answered may have come since.
  absl::StatusOr<MessageHandle> Ask(Publication question, Clock::time_point deadline, const std::stop_token& stop = {},
                                    std::chrono::milliseconds again = {});

  /// The server refuses publishes, or a subscription, to `subject`: who asks there, or gets answers there, is told.
  void Denied(std::string_view subject);
  /// Whether answers cannot come, since the server refuses the subscription.
  bool denied();
  /// The connection ended.
  void Ended();

  bool feeds_handlers() const override { return false; }
  void OnMessage(MessageHandle message) override;
  void OnReadable() override;
  void OnIdle() override {}

 private:
  struct Question {
    std::string_view subject{};
    bool over = false;
    absl::Status failure{};  // once it is over
    MessageHandle answer{};  // likewise, if it did not fail
  };

  absl::StatusOr<MessageHandle> Await(std::uint64_t number, Clock::time_point deadline, const std::stop_token& stop);
  bool AwaitOver(std::uint64_t number, Clock::time_point until, const std::stop_token& stop);
  void Answer(std::string_view number, MessageHandle message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  IoLoop& loop_;
  const std::string inbox_;  // answers come to `<inbox>.<number>`
  std::uint64_t subscription_ = 0;

  Mutex mutex_;
  CondVar changed_;
  std::uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::uint64_t, Question> questions_ ABSL_GUARDED_BY(mutex_){};
  bool inbox_denied_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<MessageHandle> arrived_{};  // of the loop's thread
};

}  // namespace penstock::eventbus::jetstream
