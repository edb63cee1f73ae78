// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock::eventbus {

/// `text` as one token of a subject or of a bucket's key: bytes other than `[A-Za-z0-9_-]` are written as `=` and two
/// hexadecimal digits. Different texts give different tokens.
std::string SubjectToken(std::string_view text);

}  // namespace penstock::eventbus
