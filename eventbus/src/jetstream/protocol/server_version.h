// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <string_view>

namespace penstock::eventbus::jetstream {

using ServerVersion = std::array<int, 3>;  ///< major, minor, patch

/// Whether a version as servers tell it, such as `2.12.0-RC.1`, is `least` or a later one. False when it cannot be
/// read.
inline bool IsAtLeast(std::string_view version, const ServerVersion& least) {
  ServerVersion numbers{};
  for (int& number : numbers) {
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc() || number < 0) return false;
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (version.starts_with('.')) version.remove_prefix(1);
  }
  return numbers >= least;
}

}  // namespace penstock::eventbus::jetstream
