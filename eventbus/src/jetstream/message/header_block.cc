// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/header_block.h"

#include <cstddef>

#include "absl/strings/match.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kVersion = "NATS/1.0";
constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// The value of a line when it is the field `name`.
std::optional<std::string_view> ValueOf(std::string_view line, std::string_view name) {
  const std::size_t end = line.find(':');
  const bool is_it = 0 < end && end != std::string_view::npos && SameName(line.substr(0, end), name);
  return is_it ? std::optional(Trimmed(line.substr(end + 1))) : std::nullopt;
}

}  // namespace

std::string_view Trimmed(std::string_view value) {
  while (!value.empty() && IsSpace(value.front())) value.remove_prefix(1);
  while (!value.empty() && IsSpace(value.back())) value.remove_suffix(1);
  return value;
}

bool SameName(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  return one == other || absl::EqualsIgnoreCase({one.data(), one.size()}, {other.data(), other.size()});
}

std::string_view FieldLines(std::string_view block) {
  if (!block.starts_with(kVersion)) return {};
  TakeLine(block);
  return block;
}

HeaderBlock ParseHeaderBlock(std::string_view block) {
  HeaderBlock headers;
  if (!block.starts_with(kVersion)) return headers;
  headers.status = Trimmed(TakeLine(block).substr(kVersion.size()));
  while (!block.empty()) {
    const std::string_view line = TakeLine(block);
    const std::size_t end = line.find(':');
    if (end > 0 && end != std::string_view::npos)
      headers.fields.emplace_back(line.substr(0, end), Trimmed(line.substr(end + 1)));
  }
  return headers;
}

std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name) {
  for (std::string_view lines = FieldLines(block); !lines.empty();) {
    if (const auto value = ValueOf(TakeLine(lines), name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> FindHeader(const std::vector<HeaderField>& fields, std::string_view name) {
  for (const auto& [field, value] : fields) {
    if (SameName(field, name)) return value;
  }
  return std::nullopt;
}

Headers CopyHeaders(const std::vector<HeaderField>& fields) {
  Headers headers;
  headers.reserve(fields.size());
  for (const auto& [field, value] : fields) headers.emplace_back(field, value);
  return headers;
}

}  // namespace penstock::eventbus::jetstream
