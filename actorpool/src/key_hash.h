// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::actorpool {

/// MurmurHash64A of `key`: the same on every machine, in every process and build, so that the actor of a key in a log
/// line can be computed by another program. An adversary who knows `seed` can choose colliding keys.
std::uint64_t KeyHash(std::string_view key, std::uint64_t seed = 0);

/// Maps `hash` evenly onto 0 to `slots` - 1 by its upper half. `slots` is 1 to 2^32.
constexpr std::size_t SlotOf(std::uint64_t hash, std::size_t slots) { return ((hash >> 32) * slots) >> 32; }

}  // namespace penstock::actorpool
