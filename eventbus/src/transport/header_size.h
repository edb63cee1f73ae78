// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

// How many bytes headers take on the wire: a block of lines `Name: value`, with a first and an empty last line.
namespace penstock::eventbus {

inline constexpr std::size_t kHeaderBlockBytes = std::string_view("NATS/1.0\r\n\r\n").size();

/// One header's line.
constexpr std::size_t HeaderFieldBytes(std::string_view name, std::string_view value) {
  return name.size() + std::string_view(": ").size() + value.size() + std::string_view("\r\n").size();
}

}  // namespace penstock::eventbus
