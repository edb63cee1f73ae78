// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/eventbus/message.h"

namespace penstock::eventbus::jetstream {

using HeaderField = std::pair<std::string_view, std::string_view>;

/// The headers of a message as they came over the wire, as views into it.
struct HeaderBlock {
  std::string_view status{};  ///< what follows `NATS/1.0` on the first line, such as `503` or `409 Consumer Deleted`
  std::vector<HeaderField> fields{};  ///< in their order
};

/// Reads `NATS/1.0[ status]\r\n(name:value\r\n)*\r\n`. Spaces around values are left out; lines that are no field are
/// skipped; what is no header block at all gives an empty result.
HeaderBlock ParseHeaderBlock(std::string_view block);

/// The part of a block as above behind its first line; empty when it is no header block.
std::string_view FieldLines(std::string_view block);

/// Takes the first line off `lines`, without the newline that ends it.
inline std::string_view TakeLine(std::string_view& lines) {
  const std::size_t end = lines.find('\n');
  const std::string_view line = lines.substr(0, end);
  lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  return line;
}

/// Whatever the case.
bool SameName(std::string_view one, std::string_view other);

/// Without the spaces around it.
std::string_view Trimmed(std::string_view value);

/// The first value of a header in a block as above, whatever the case of its name.
std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name);
/// The same, in what was read from one.
std::optional<std::string_view> FindHeader(const std::vector<HeaderField>& fields, std::string_view name);

/// All fields, copied.
Headers CopyHeaders(const std::vector<HeaderField>& fields);

}  // namespace penstock::eventbus::jetstream
