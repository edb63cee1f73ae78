// SPDX-License-Identifier: Apache-2.0
#include "jetstream/header_index.h"

#include "jetstream/header_block.h"

namespace penstock::eventbus::jetstream {

HeaderIndex::HeaderIndex(std::string_view block) {
  std::string_view lines = FieldLines(block);
  complete_ = block.size() <= UINT16_MAX;
  while (complete_ && !lines.empty()) {
    if (size_ == kMost) {
      complete_ = false;
      return;
    }
    const std::string_view line = TakeLine(lines);
    lines_[size_++] = {.begin = static_cast<std::uint16_t>(line.data() - block.data()),
                       .size = static_cast<std::uint16_t>(line.size())};
  }
}

std::optional<std::string_view> HeaderIndex::Find(std::string_view block, std::string_view name) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (const auto value = ValueOf({block.data() + lines_[i].begin, lines_[i].size}, name)) return value;
  }
  return complete_ ? std::nullopt : FindHeader(block, name);
}

}  // namespace penstock::eventbus::jetstream
