// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace penstock::metrics {

/// The state of a connection.
enum class ConnectionPhase {
  kReading,    ///< its whole request has not come yet
  kHandling,   ///< a handler has its request, or will
  kWriting,    ///< its reply is being sent
  kLingering,  ///< it has its reply; the client has not closed yet
  kStreaming   ///< it reads events
};

/// Decides which connection has to go when there are too many. Those whose request is with a handler and those that
/// read events do not count: other bounds hold for them. Pure. Thread-compatible.
class ConnectionLimit {
 public:
  using Id = std::uint64_t;

  explicit ConnectionLimit(std::size_t max_connections) : max_connections_(max_connections) {}

  /// A connection was accepted, and reads.
  Id Enter();
  void Set(Id id, ConnectionPhase phase);
  void Leave(Id id) { phases_.erase(id); }

  /// The connection to close, since `newest` came or went on and there are too many; nothing when there are not. Not
  /// `newest`, if it can be another.
  std::optional<Id> Excess(Id newest) const;
  /// The connection to close when nothing is left for a new one, however many there are.
  std::optional<Id> Weakest() const { return Weakest(0); }

  std::size_t Count(ConnectionPhase phase) const;

 private:
  std::optional<Id> Weakest(Id except) const;

  const std::size_t max_connections_;
  Id last_ = 0;
  std::map<Id, ConnectionPhase> phases_;  // the oldest first
};

}  // namespace penstock::metrics
