// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/load/key_order.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace penstock::benchmarks {
namespace {

constexpr std::string_view kAggregatePrefix = "aggregate-";

std::size_t NumberOf(std::string_view aggregate) {
  std::size_t number = 0;
  aggregate.remove_prefix(std::min(aggregate.size(), kAggregatePrefix.size()));
  std::from_chars(aggregate.data(), aggregate.data() + aggregate.size(), number);
  return number;
}

}  // namespace

void KeyOrder::Take(std::string_view aggregate, std::uint64_t sequence) {
  std::uint64_t& last = last_of_key_[NumberOf(aggregate) % last_of_key_.size()];
  if (sequence <= std::exchange(last, sequence)) disorders_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace penstock::benchmarks
