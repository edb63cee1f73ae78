// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

namespace penstock::eventbus::simulation {

/// Three servers, one of which leads the consumer; one of them can be cut off from both others, or the route between
/// two be cut. Thread-compatible.
class Cluster {
 public:
  static constexpr std::size_t kServers = 3;

  std::size_t leader() const { return leader_; }
  bool electing() const { return electing_; }
  bool whole() const { return !isolated_ && !cut_ && !electing_; }
  bool IsIsolated(std::size_t server) const { return isolated_ == server; }

  /// Whether a client of `server` reaches the leader that a majority has.
  bool Reaches(std::size_t server) const {
    if (electing_ || IsIsolated(server) || IsIsolated(leader_)) return false;
    // A route is named by the server that it does not touch.
    return !cut_ || server == leader_ || server == *cut_ || leader_ == *cut_;
  }
  /// Whether what a client of `server` writes is committed by a majority.
  bool HasQuorum(std::size_t server) const { return !electing_ && !IsIsolated(server); }

  void Isolate(std::size_t server) {
    isolated_ = server;
    electing_ = electing_ || server == leader_;
  }
  void CutRouteBesides(std::size_t server) { cut_ = server; }
  void Elect(std::size_t leader) {
    leader_ = leader;
    electing_ = false;
  }
  void Heal() {
    isolated_.reset();
    cut_.reset();
  }

 private:
  std::size_t leader_ = 0;
  bool electing_ = false;
  std::optional<std::size_t> isolated_{};
  std::optional<std::size_t> cut_{};
};

}  // namespace penstock::eventbus::simulation
