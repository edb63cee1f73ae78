// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/json.h"

#include <cstddef>
#include <limits>

namespace penstock::eventbus::jetstream {
namespace {

// Whether objects and arrays are nested deeper than a reply's may be: a tree is copied, compared and written by
// recursion. What is no JSON gets some answer, since it is refused when it is parsed.
bool IsTooDeep(std::string_view text) {
  int levels = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (c == '\\') ++i;  // what it escapes ends no string
    if (in_string) continue;
    if ((c == '{' || c == '[') && ++levels > kMaxReplyLevels) return true;
    if (c == '}' || c == ']') --levels;
  }
  return false;
}

}  // namespace

Json ParseJson(std::string_view text) {
  if (IsTooDeep(text)) return Json(Json::value_t::discarded);
  return Json::parse(text.begin(), text.end(), nullptr, false);
}

std::string WriteJson(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json& Member(const Json& value, const char* name) {
  static const Json* const kMissing = new Json;
  if (!value.is_object()) return *kMissing;
  const auto found = value.find(name);
  return found == value.end() ? *kMissing : *found;
}

std::string StringMember(const Json& value, const char* name) {
  const Json& member = Member(value, name);
  return member.is_string() ? member.get_ref<const std::string&>() : std::string();
}

std::optional<std::int64_t> IntMember(const Json& value, const char* name) {
  const Json& member = Member(value, name);
  if (!member.is_number_integer()) return std::nullopt;
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (member.is_number_unsigned() && member.get<std::uint64_t>() > kMost) return std::nullopt;
  return member.get<std::int64_t>();
}

std::optional<std::uint64_t> UintMember(const Json& value, const char* name) {
  const Json& member = Member(value, name);
  if (!member.is_number_unsigned()) return std::nullopt;
  return member.get<std::uint64_t>();
}

bool BoolMember(const Json& value, const char* name) {
  const Json& member = Member(value, name);
  return member.is_boolean() && member.get<bool>();
}

std::vector<std::string> StringsMember(const Json& value, const char* name) {
  std::vector<std::string> strings;
  const Json& member = Member(value, name);
  if (!member.is_array()) return strings;
  for (const Json& element : member) {
    if (element.is_string()) strings.push_back(element.get_ref<const std::string&>());
  }
  return strings;
}

}  // namespace penstock::eventbus::jetstream
