// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/may_be_pending.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::uint64_t kMostAskedFor = 1 << 16;

}  // namespace

std::vector<std::uint64_t> MayBePending(std::uint64_t floor, std::uint64_t delivered) {
  std::vector<std::uint64_t> pending(std::min(delivered - floor, kMostAskedFor));
  const auto half = pending.begin() + static_cast<std::ptrdiff_t>(pending.size() / 2);
  std::iota(pending.begin(), half, floor + 1);
  std::iota(half, pending.end(), delivered - static_cast<std::uint64_t>(pending.end() - half) + 1);
  return pending;
}

}  // namespace penstock::eventbus::jetstream
