// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
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

/// Whether two names are the same but for their case.
bool SameName(std::string_view one, std::string_view other);

/// Calls `see(name, value)` for each field of a block as above, in their order, until it returns false; whether it
/// never did.
bool WalkHeaders(std::string_view block, absl::FunctionRef<bool(std::string_view name, std::string_view value)> see);

/// The first value of a header in a block as above, whatever the case of its name.
std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name);
/// The same, in what was read from one.
std::optional<std::string_view> FindHeader(const std::vector<HeaderField>& fields, std::string_view name);

/// All fields, copied.
Headers CopyHeaders(const std::vector<HeaderField>& fields);

}  // namespace penstock::eventbus::jetstream
