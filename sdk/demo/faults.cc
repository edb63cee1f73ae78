// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include <limits>

namespace penstock::demo {
namespace {

constexpr std::size_t kNoEvent = std::numeric_limits<std::size_t>::max();

// SplitMix64's finaliser.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::uint64_t Hash(std::uint64_t seed, std::size_t event) { return Mix(Mix(seed + 0x9e3779b97f4a7c15) + event); }

}  // namespace

FaultPlan::FaultPlan(const FaultOptions& options, std::size_t events)
    : options_(options), forced_fail_(kNoEvent), forced_throw_(kNoEvent) {
  bool fails = options.fail_percent <= 0;
  bool throws = options.throw_percent <= 0;
  for (std::size_t event = 0; event < events && !(fails && throws); ++event) {
    const Fault fault = Draw(event);
    fails = fails || fault == Fault::kFail;
    throws = throws || fault == Fault::kThrow;
  }
  if (!throws) forced_throw_ = AnyFaultless(events);
  if (!fails) forced_fail_ = AnyFaultless(events);
}

std::size_t FaultPlan::AnyFaultless(std::size_t events) const {
  for (std::size_t i = 0; i < events; ++i) {
    const std::size_t event = (Hash(options_.seed, events) % events + i) % events;
    if (Draw(event) == Fault::kNone) return event;
  }
  return kNoEvent;
}

Fault FaultPlan::At(std::size_t event, std::uint64_t attempt) const {
  if (attempt > 2) return Fault::kNone;
  if (attempt == 2 && Hash(options_.seed, event) % 4 != 0) return Fault::kNone;
  return Draw(event);
}

Fault FaultPlan::Draw(std::size_t event) const {
  if (event == forced_throw_) return Fault::kThrow;
  if (event == forced_fail_) return Fault::kFail;
  const double percent = 100.0 * static_cast<double>(Hash(options_.seed, event) >> 11) * 0x1.0p-53;
  if (percent < options_.throw_percent) return Fault::kThrow;
  return percent < options_.throw_percent + options_.fail_percent ? Fault::kFail : Fault::kNone;
}

}  // namespace penstock::demo
