// SPDX-License-Identifier: Apache-2.0
// The reply subject of a delivered message.
#include <string>

#include "absl/strings/str_cat.h"
#include "fuzz_target.h"
#include "jetstream/message/ack_subject.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

// In the short form, as a server writes it.
std::string Written(const AckSubject& ack) {
  const auto nanoseconds = std::chrono::nanoseconds(ack.stored_at.time_since_epoch()).count();
  return absl::StrCat("$JS.ACK.", std::string(ack.stream), ".", std::string(ack.consumer), ".", ack.delivery_count, ".",
                      ack.stream_sequence, ".", ack.consumer_sequence, ".", nanoseconds, ".", ack.pending);
}

bool Same(const AckSubject& one, const AckSubject& other) {
  return one.stream == other.stream && one.consumer == other.consumer && one.delivery_count == other.delivery_count &&
         one.stream_sequence == other.stream_sequence && one.consumer_sequence == other.consumer_sequence &&
         one.pending == other.pending && one.stored_at == other.stored_at;
}

void CheckSubject(std::string_view subject) {
  const std::optional<AckSubject> ack = ParseAckSubject(subject);
  if (!ack) return;
  Require(!ack->stream.empty() && !ack->consumer.empty(), "stream and consumer have names");
  Require(ack->delivery_count > 0 && ack->stream_sequence > 0 && ack->consumer_sequence > 0, "these count from 1");
  const std::string written = Written(*ack);
  const std::optional<AckSubject> again = ParseAckSubject(written);
  Require(again && Same(*again, *ack), "what is written from it reads the same");
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckSubject(penstock::fuzz::TextOf(data, size));
  return 0;
}
