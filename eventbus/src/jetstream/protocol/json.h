// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reading JSON that another program wrote: anything may be missing or of the wrong type, and nothing here throws.
namespace penstock::eventbus::jetstream {

using Json = nlohmann::json;

/// Objects and arrays that one in another may have. Servers' replies have 6.
inline constexpr int kMaxReplyLevels = 64;

/// Discarded when `text` is no JSON or nested deeper than that.
Json ParseJson(std::string_view text);
std::string WriteJson(const Json& value);

/// The member, or null when there is none or `value` is no object.
const Json& Member(const Json& value, const char* name);
/// Empty when missing or no string.
std::string StringMember(const Json& value, const char* name);
/// Nothing when missing or no whole number that fits.
std::optional<std::int64_t> IntMember(const Json& value, const char* name);
std::optional<std::uint64_t> UintMember(const Json& value, const char* name);
/// False when missing or no boolean.
bool BoolMember(const Json& value, const char* name);
/// The strings of an array; others are left out.
std::vector<std::string> StringsMember(const Json& value, const char* name);

}  // namespace penstock::eventbus::jetstream
