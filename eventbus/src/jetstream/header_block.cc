// SPDX-License-Identifier: Apache-2.0
#include "jetstream/header_block.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kVersion = "NATS/1.0";
constexpr std::string_view kSpace = " \t\r";

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

bool Equal(std::string_view one, std::string_view other) {
  return absl::EqualsIgnoreCase({one.data(), one.size()}, {other.data(), other.size()});
}

}  // namespace

HeaderBlock ParseHeaderBlock(std::string_view block) {
  HeaderBlock headers;
  if (block.substr(0, kVersion.size()) != kVersion) return headers;
  headers.status = Trimmed(TakeLine(block).substr(kVersion.size()));
  while (!block.empty()) {
    const std::string_view line = TakeLine(block);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    headers.fields.emplace_back(line.substr(0, colon), Trimmed(line.substr(colon + 1)));
  }
  return headers;
}

// A message is asked for a handful of headers, once each: walking over the block is quicker than listing its fields.
std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name) {
  if (name.empty() || !block.starts_with(kVersion)) return std::nullopt;
  TakeLine(block);
  while (!block.empty()) {
    const std::string_view line = TakeLine(block);
    const bool candidate = line.size() > name.size() && line[name.size()] == ':';
    if (candidate && Equal(line.substr(0, name.size()), name)) return Trimmed(line.substr(name.size() + 1));
  }
  return std::nullopt;
}

std::optional<std::string_view> FindHeader(const std::vector<HeaderField>& fields, std::string_view name) {
  for (const auto& [field, value] : fields) {
    if (Equal(field, name)) return value;
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
