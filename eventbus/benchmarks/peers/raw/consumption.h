// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "session.h"

namespace penstock::benchmarks {

/// Position in its stream, from the reply subject of a delivery; 0 when it is none, as with a status message.
std::uint64_t StreamSequence(std::string_view reply_subject);

/// Counts deliveries until all are there, and answers each as told. It takes nothing but strictly ascending stream
/// sequences: the order of the whole stream, and thus of every key. `Take` belongs to one thread, `Await` to another.
class Consumption {
 public:
  /// `answer` gets each delivery and how many there were with it.
  using Answer = absl::AnyInvocable<natsStatus(natsMsg*, std::uint64_t)>;

  Consumption(std::uint64_t messages, Answer answer) : messages_(messages), answer_(std::move(answer)) {}

  void Take(const MessageHandle& message);

  /// When the first delivery came, once the last is answered; or what went wrong, silence of 30 s included.
  absl::StatusOr<Clock::time_point> Await();

 private:
  absl::Status Accept(natsMsg* message);
  void Finish(absl::Status status);

  const std::uint64_t messages_;
  Answer answer_;
  Clock::time_point begun_{};
  std::uint64_t last_sequence_ = 0;
  bool finished_ = false;
  std::atomic<std::uint64_t> taken_{0};  // relaxed: `Await` only looks whether it moves
  std::promise<absl::Status> outcome_;
};

}  // namespace penstock::benchmarks
