// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "penstock/eventbus/message.h"

// The headers of a message as they come over the wire: `NATS/1.0[ status]\r\n(name:value\r\n)*\r\n`. Spaces around
// values are left out, and lines that are no field; a text that is no such block has neither status nor fields.
namespace penstock::eventbus::jetstream {

/// The rest of the first line after `NATS/1.0`, such as `503` or `409 Consumer Deleted`.
std::string_view StatusLine(std::string_view block);

/// The first value of a header, whatever the case of its name.
std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name);

/// All fields in their order, copied.
Headers CopyHeaders(std::string_view block);

/// Where the header lines of a message are in their block: found once, since each message is asked for several, one of
/// which it seldom has.
class HeaderIndex {
 public:
  HeaderIndex() = default;
  explicit HeaderIndex(std::string_view block);

  /// As `FindHeader`, in the same block.
  std::optional<std::string_view> Find(std::string_view block, std::string_view name) const;

 private:
  struct Field {
    std::uint16_t begin = 0, name_bytes = 0, value_bytes = 0;
  };
  /// Penstock's own headers are six at most. Of more, the later ones are searched for, and all of them in a block of
  /// 64 KiB and more.
  static constexpr std::size_t kMost = 7;

  std::array<Field, kMost> fields_;  // the first `size_`
  std::uint8_t size_ = 0;
  bool complete_ = true;
};

}  // namespace penstock::eventbus::jetstream
