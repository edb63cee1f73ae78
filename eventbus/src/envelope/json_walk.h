// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// JSON without a tree: nothing here recurses or grows with the nesting of hostile text. Only the grammar of RFC 8259 is
// checked, so that what is passed on need not fit any type of ours: numbers may be of any size, and the escape of half
// a surrogate pair is a character like others. Errors are `kInvalidArgument`.
namespace penstock::eventbus {

/// Levels of objects and arrays that one in another may have.
inline constexpr int kMaxJsonDepth = 256;

inline constexpr std::string_view kJsonSpace = " \t\n\r";

/// Told a member of an object: its key, and its value as the very text it is, without white space around it. False
/// stops the walk.
using MemberVisitor = std::function<bool(const std::string& key, std::string_view value)>;

/// Whether `text` is one JSON document of at most `max_depth` levels.
absl::Status CheckJson(std::string_view text, int max_depth);

/// Calls `visit` for the members of the object that `text` is, in their order. What follows a stop is not looked at.
/// An error also when a part that was visited before it is sound.
absl::Status ForEachMember(std::string_view text, const MemberVisitor& visit);

}  // namespace penstock::eventbus
