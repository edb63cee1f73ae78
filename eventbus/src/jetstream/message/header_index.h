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
  struct Field {
    std::uint16_t begin = 0, name_bytes = 0, bytes = 0;
  };
  /// Penstock's own headers are six at most. Of more, the later ones are searched for, and all of them in a block of
  /// 64 KiB and more.
  static constexpr std::size_t kMost = 7;

  std::array<Field, kMost> fields_;  // the first `size_`
  std::uint8_t size_ = 0;
  bool complete_ = true;
};

}  // namespace penstock::eventbus::jetstream
