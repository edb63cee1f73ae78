// SPDX-License-Identifier: Apache-2.0
// The reply to a publish: the quick reading of it agrees with that of the JSON tree.
#include <string>

#include "fuzz_target.h"
#include "jetstream/protocol/json.h"
#include "jetstream/publish/pub_ack.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

void CheckPublishReply(std::string_view body) {
  const PublishReply reply = ReadPublishReply(body);
  if (reply.kind != PublishReply::Kind::kStored) return;
  Require(reply.ack.sequence > 0, "a message that was stored has a sequence");
  Require(!reply.ack.stream.empty(), "a message that was stored has a stream");
  const Json json = ParseJson(body);
  Require(json.is_object(), "an acknowledgement is a JSON object");
  Require(StringMember(json, "stream") == reply.ack.stream, "the stream is the one named");
  Require(UintMember(json, "seq") == reply.ack.sequence, "the sequence is the one told");
  Require(BoolMember(json, "duplicate") == reply.ack.duplicate, "it is a duplicate when that is said");
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckPublishReply(penstock::fuzz::TextOf(data, size));
  return 0;
}
