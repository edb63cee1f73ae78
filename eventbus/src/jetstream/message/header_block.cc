// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/header_block.h"

#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kVersion = "NATS/1.0";

constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view Trimmed(std::string_view value) {
  while (!value.empty() && IsSpace(value.front())) value.remove_prefix(1);
  while (!value.empty() && IsSpace(value.back())) value.remove_suffix(1);
  return value;
}

// Takes the first line off `lines`, without the newline that ends it.
std::string_view TakeLine(std::string_view& lines) {
  const std::size_t end = lines.find('\n');
  const std::string_view line = lines.substr(0, end);
  lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  return line;
}

// Calls `use` with the name and the untrimmed value of each field, until it returns false.
template <typename Use>
void ForEachField(std::string_view block, Use use) {
  if (!block.starts_with(kVersion)) return;
  TakeLine(block);
  while (!block.empty()) {
    const std::string_view line = TakeLine(block);
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    if (!use(line.substr(0, colon), line.substr(colon + 1))) return;
  }
}

}  // namespace

std::string_view StatusLine(std::string_view block) {
  return block.starts_with(kVersion) ? Trimmed(TakeLine(block).substr(kVersion.size())) : std::string_view();
}

std::optional<std::string_view> FindHeader(std::string_view block, std::string_view name) {
  std::optional<std::string_view> found;
  ForEachField(block, [&](std::string_view field, std::string_view value) {
    if (SameName(field, name)) found = Trimmed(value);
    return !found;
  });
  return found;
}

Headers CopyHeaders(std::string_view block) {
  Headers headers;
  ForEachField(block, [&](std::string_view name, std::string_view value) {
    headers.emplace_back(name, Trimmed(value));
    return true;
  });
  return headers;
}

HeaderIndex::HeaderIndex(std::string_view block) : complete_(block.size() <= UINT16_MAX) {
  if (!complete_) return;
  ForEachField(block, [&](std::string_view name, std::string_view value) {
    complete_ = size_ < kMost;
    if (!complete_) return false;
    fields_[size_++] = {.begin = static_cast<std::uint16_t>(name.data() - block.data()),
                        .name_bytes = static_cast<std::uint16_t>(name.size()),
                        .value_bytes = static_cast<std::uint16_t>(value.size())};
    return true;
  });
}

std::optional<std::string_view> HeaderIndex::Find(std::string_view block, std::string_view name) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (fields_[i].name_bytes != name.size()) continue;  // tells most names apart
    const char* const begin = block.data() + fields_[i].begin;
    if (SameName({begin, name.size()}, name)) return Trimmed({begin + name.size() + 1, fields_[i].value_bytes});
  }
  return complete_ ? std::nullopt : FindHeader(block, name);
}

}  // namespace penstock::eventbus::jetstream
