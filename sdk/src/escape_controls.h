// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// `text` with line breaks and every other control character (C0, DEL, and C1 in UTF-8) written as `\n` or `\x1b`.
std::string EscapeControls(std::string_view text);

}  // namespace penstock
