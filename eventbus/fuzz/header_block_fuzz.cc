// SPDX-License-Identifier: Apache-2.0
// The headers of a message: three readers of one block agree, and a status is read from it.
#include <algorithm>
#include <string>

#include "fuzz_target.h"
#include "jetstream/message/header_block.h"
#include "jetstream/message/header_index.h"
#include "jetstream/message/received_message.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

void CheckField(std::string_view block, const HeaderBlock& read, const HeaderIndex& index, std::string_view name) {
  const auto value = FindHeader(read.fields, name);
  Require(value.has_value(), "a field is found by its name");
  Require(FindHeader(block, name) == value, "a field looked for in the block is the one that was read from it");
  Require(index.Find(block, name) == value, "a field looked for in the index is the one that was read from the block");
  Require(Trimmed(*value) == *value, "a value has no space around it");
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
  const HeaderBlock read = ParseHeaderBlock(block);
  const HeaderIndex index(block);
  for (const auto& [name, value] : read.fields) CheckField(block, read, index, name);
  Require(CopyHeaders(read.fields).size() == read.fields.size(), "every field is copied");
  CheckStatus(block);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckBlock(penstock::fuzz::TextOf(data, size));
  return 0;
}
