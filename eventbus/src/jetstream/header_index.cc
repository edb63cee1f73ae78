// SPDX-License-Identifier: Apache-2.0
#include "jetstream/header_index.h"

#include "jetstream/header_block.h"

namespace penstock::eventbus::jetstream {

HeaderIndex::HeaderIndex(std::string_view block) {
  if (block.size() > UINT16_MAX) {
    complete_ = false;
    return;
  }
  const auto place = [&block](std::string_view part) { return static_cast<std::uint16_t>(part.data() - block.data()); };
  complete_ = WalkHeaders(block, [&](std::string_view name, std::string_view value) {
    if (size_ == kMost) return false;
    const std::uint16_t value_begin = value.empty() ? 0 : place(value);
    fields_[size_++] = {.name_begin = place(name),
                        .name_size = static_cast<std::uint16_t>(name.size()),
                        .value_begin = value_begin,
                        .value_size = static_cast<std::uint16_t>(value.size())};
    return true;
  });
}

std::optional<std::string_view> HeaderIndex::Find(std::string_view block, std::string_view name) const {
  for (std::size_t i = 0; i < size_; ++i) {
    const Field& field = fields_[i];
    if (field.name_size != name.size() || !SameName({block.data() + field.name_begin, field.name_size}, name)) continue;
    return std::string_view(block.data() + field.value_begin, field.value_size);
  }
  return complete_ ? std::nullopt : FindHeader(block, name);
}

}  // namespace penstock::eventbus::jetstream
