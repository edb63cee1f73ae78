// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/header_index.h"

#include "jetstream/message/header_block.h"

namespace penstock::eventbus::jetstream {

HeaderIndex::HeaderIndex(std::string_view block) {
  complete_ = block.size() <= UINT16_MAX;
  if (!complete_) return;
  for (std::string_view lines = FieldLines(block); !lines.empty();) {
    const std::string_view line = TakeLine(lines);
    const std::size_t name_bytes = line.find(':');
    if (name_bytes == std::string_view::npos || name_bytes == 0) continue;
    complete_ = size_ < kMost;
    if (!complete_) return;
    fields_[size_++] = {.begin = static_cast<std::uint16_t>(line.data() - block.data()),
                        .name_bytes = static_cast<std::uint16_t>(name_bytes),
                        .bytes = static_cast<std::uint16_t>(line.size())};
  }
}

std::optional<std::string_view> HeaderIndex::Find(std::string_view block, std::string_view name) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (fields_[i].name_bytes != name.size()) continue;  // tells most names apart
    const std::string_view line(block.data() + fields_[i].begin, fields_[i].bytes);
    if (SameName(line.substr(0, name.size()), name)) return Trimmed(line.substr(name.size() + 1));
  }
  return complete_ ? std::nullopt : FindHeader(block, name);
}

}  // namespace penstock::eventbus::jetstream
