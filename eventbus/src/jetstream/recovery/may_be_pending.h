// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace penstock::eventbus::jetstream {

/// The stream sequences that may be pending at a server which delivered up to `delivered` and has acknowledgements of
/// all up to `floor`: whoever takes the consumer asks for them, whether it knows of them or not. At most 65,536, the
/// first ones, of which one at least is pending, and the last ones.
std::vector<std::uint64_t> MayBePending(std::uint64_t floor, std::uint64_t delivered);

}  // namespace penstock::eventbus::jetstream
