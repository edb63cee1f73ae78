// SPDX-License-Identifier: Apache-2.0
#include "jetstream/header_block.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kVersion = "NATS/1.0";
// nats.c looks into messages without a body (natsSubscription_NextMsg, whether one says "no responders"), and ends what
// it reads there by NULs: instead of the colon after a name, and of what follows a value.
constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\0'; }
constexpr char kReadColon = '\0';

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

bool SameName(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  return one == other || absl::EqualsIgnoreCase({one.data(), one.size()}, {other.data(), other.size()});
}

HeaderBlock ParseHeaderBlock(std::string_view block) {
  HeaderBlock headers;
  if (block.substr(0, kVersion.size()) != kVersion) return headers;
  std::string_view first = block;
  headers.status = Trimmed(TakeLine(first).substr(kVersion.size()));
  WalkHeaders(block, [&](std::string_view name, std::string_view value) {
    headers.fields.emplace_back(name, value);
    return true;
  });
  return headers;
}

// In one pass, since every message is read so.
bool WalkHeaders(std::string_view block, absl::FunctionRef<bool(std::string_view name, std::string_view value)> see) {
  if (!block.starts_with(kVersion)) return true;
  TakeLine(block);
  while (!block.empty()) {
    std::size_t end = 0;
    while (end < block.size() && block[end] != ':' && block[end] != kReadColon && block[end] != '\n') ++end;
    const std::string_view name = block.substr(0, end);
    block.remove_prefix(end);
    const std::string_view rest = TakeLine(block);
    if (!name.empty() && !rest.empty() && !see(name, Trimmed(rest.substr(1)))) return false;
  }
  return true;
}

std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name) {
  std::optional<std::string_view> found;
  WalkHeaders(block, [&](std::string_view field, std::string_view value) {
    if (SameName(field, name)) found = value;
    return !found;
  });
  return found;
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
