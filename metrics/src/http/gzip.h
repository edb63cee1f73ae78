// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::metrics {

/// `text` compressed by gzip, for speed rather than size; nothing when there is no memory for it.
std::optional<std::string> Gzip(std::string_view text);

}  // namespace penstock::metrics
