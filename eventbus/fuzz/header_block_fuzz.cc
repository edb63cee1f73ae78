// SPDX-License-Identifier: Apache-2.0
// The headers of a message: three readers of one block agree, and a status is read from it.
#include <algorithm>
#include <string>

#include "fuzz_target.h"
#include "jetstream/message/header_block.h"
#include "jetstream/message/received_message.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

// The first of a name is the one to be found.
void CheckField(std::string_view block, const Headers& copied, const HeaderIndex& index, std::string_view name) {
  const auto first = std::ranges::find_if(copied, [&](const auto& field) { return SameName(field.first, name); });
  Require(FindHeader(block, name) == first->second, "a field looked for in the block is the one that was copied");
  Require(index.Find(block, name) == first->second, "a field looked for in the index is the one that was copied");
  Require(first->second.find_last_not_of(" \t\r") + 1 == first->second.size(), "a value has no space behind it");
  Require(first->second.find_first_of(" \t\r") != 0, "a value has no space before it");
}

void CheckStatus(std::string_view block) {
  const MessageHandle message = ReceivedMessage::Make("inbox", "", block.size(), 0);
  std::ranges::copy(block, message->room().begin());
  const std::optional<StatusMessage> status = ReadStatus(*message);
  if (!status) return;
  Require(status->code >= 0 && status->code <= 999, "a status has three digits");
  MeaningOf(*status);
}

void CheckBlock(std::string_view block) {
  const Headers copied = CopyHeaders(block);
  const HeaderIndex index(block);
  for (const auto& [name, value] : copied) CheckField(block, copied, index, name);
  CheckStatus(block);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckBlock(penstock::fuzz::TextOf(data, size));
  return 0;
}
