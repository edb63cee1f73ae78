// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "support/raw_nats.h"

namespace penstock::chaos {

/// Asks one server again and again for the topic's stream and its durable, until both have a leader: what the servers
/// themselves need after a fault, to be set beside what the product needs. Thread-confined; blocks for two
/// milliseconds.
class ElectionProbe {
 public:
  /// `server_port` is of a server of the majority; `out` one that cannot be a leader any more, if there is one.
  static absl::StatusOr<ElectionProbe> Start(int server_port, std::string durable, std::optional<std::size_t> out);

  /// Asks again if it is time, and reads what has come.
  void Poll();

  /// From `Start` until both had one; nothing: not yet.
  std::optional<std::chrono::nanoseconds> elected() const { return elected_; }

 private:
  using Clock = std::chrono::steady_clock;

  ElectionProbe(testing::RawNats raw, std::string durable, std::optional<std::size_t> out)
      : raw_(std::move(raw)), durable_(std::move(durable)), out_(out) {}
  bool AskAgain();
  void Read(const testing::RawMessage& answer);

  testing::RawNats raw_;
  std::string durable_;
  std::optional<std::size_t> out_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point asked_{};
  bool stream_ = false;
  bool consumer_ = false;
  std::optional<std::chrono::nanoseconds> elected_{};
};

}  // namespace penstock::chaos
