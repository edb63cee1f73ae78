// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace penstock::eventbus::jetstream {

/// The whole seconds of a time as the server writes it, `2006-01-02T15:04:05[.999999999]Z`. Nothing when it is another
/// text.
std::optional<std::chrono::sys_seconds> ParseTimestamp(std::string_view text);

}  // namespace penstock::eventbus::jetstream
