// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace penstock::demo {

/// The exception of a handler that the demo disturbs.
class InjectedFault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Fault { kNone, kFail, kThrow };

struct FaultOptions {
  std::uint64_t seed = 1;
  double fail_percent = 1.0;   ///< of first attempts that ask for a retry. Range 0 to 50
  double throw_percent = 0.2;  ///< of first attempts that throw. Range 0 to 50
};

/// Which attempts at which events go wrong: drawn from the seed and the event's number alone, so that a run can be had
/// again.
///
/// One event in four of those chosen goes wrong twice, none a third time. A kind of fault that was asked for hits at
/// least one event, also where the draw gave none. Immutable, thus thread-safe.
class FaultPlan {
 public:
  /// A plan for the events 0 to `events` - 1.
  FaultPlan(const FaultOptions& options, std::size_t events);

  /// `attempt` counts from 1.
  Fault At(std::size_t event, std::uint64_t attempt) const;

 private:
  Fault Draw(std::size_t event) const;
  std::size_t AnyFaultless(std::size_t events) const;

  FaultOptions options_;
  std::size_t forced_fail_;
  std::size_t forced_throw_;
};

}  // namespace penstock::demo
