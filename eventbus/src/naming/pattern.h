// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Patterns select topics: `*` stands for one token, `>` for one or more at the end.
namespace penstock::eventbus {

/// Whether `text` has a wildcard anywhere, in its place or not: then it is to be checked as a pattern.
bool IsPattern(std::string_view text);

/// A pattern: 1 to 255 bytes, tokens joined by single dots. Each is `*`, a token of a topic, or, the last one only,
/// `>`. The first is none of those that a topic cannot begin with. `kInvalidArgument` with the remedy; `what` begins
/// its text.
absl::Status CheckPattern(std::string_view what, std::string_view pattern);

/// The topic whose stream has that name on a bus whose streams begin with `base`; nothing when it is the stream of
/// something else. The inverse of `StreamName`.
std::optional<std::string> TopicOfStream(std::string_view base, std::string_view stream);

}  // namespace penstock::eventbus
