// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::eventbus::jetstream {

/// Where the header lines of a message are in their block: found once, since each message is asked for several, one of
/// which it seldom has.
class HeaderIndex {
 public:
  HeaderIndex() = default;
  /// `block` as in `ParseHeaderBlock`.
  explicit HeaderIndex(std::string_view block);

  /// As `FindHeader`, in the same block.
  std::optional<std::string_view> Find(std::string_view block, std::string_view name) const;

 private:
  struct Line {
    std::uint16_t begin = 0, size = 0;
  };
  /// Ours are six at most, and a blank one; of more, or in a block of 64 KiB and more, the later ones are looked for.
  static constexpr std::size_t kMost = 8;

  std::array<Line, kMost> lines_{};
  std::uint8_t size_ = 0;
  bool complete_ = true;
};

}  // namespace penstock::eventbus::jetstream
