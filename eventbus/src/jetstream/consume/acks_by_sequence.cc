// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/acks_by_sequence.h"

#include "absl/strings/str_cat.h"
#include "jetstream/consume/ack_batch.h"

namespace penstock::eventbus::jetstream {
namespace {

// No delivery has this number. 2.9.10 would take one that follows its floor for proof that all before it is settled,
// also when the message is not pending.
constexpr std::uint64_t kNoDelivery = 0;

}  // namespace

AcksBySequence::AcksBySequence(const std::string& stream, const std::string& consumer, std::uint64_t deliveries)
    : prefix_(absl::StrCat("$JS.ACK.", stream, ".", consumer, ".1.")), deliveries_(deliveries) {}

std::string AcksBySequence::Subject(std::uint64_t sequence, std::uint64_t consumer_sequence) const {
  return absl::StrCat(prefix_, sequence, ".", consumer_sequence, ".1.0");
}

absl::Status AcksBySequence::Answer(Link& link, std::span<const std::uint64_t> sequences, const char* body,
                                    std::uint64_t consumer_sequence) const {
  for (const std::uint64_t sequence : sequences) {
    if (absl::Status sent = link.Publish({Subject(sequence, consumer_sequence), body}); !sent.ok()) return sent;
  }
  return absl::OkStatus();
}

absl::Status AcksBySequence::Ack(Link& link, std::span<const std::uint64_t> sequences) const {
  return Answer(link, sequences, AckBody(AckType::kAck).data(), kNoDelivery);
}

absl::Status AcksBySequence::Nak(Link& link, std::span<const std::uint64_t> sequences) const {
  return Answer(link, sequences, AckBody(AckType::kNak).data(), deliveries_);
}

// A server reads the answers of a consumer one after the other, and replies to each; this one is without effect, since
// there is no such delivery.
absl::Status AcksBySequence::Await(Link& link, std::chrono::milliseconds patience, const std::stop_token& stop) const {
  return link.Request(Subject(1, kNoDelivery), AckBody(AckType::kNak), Link::Clock::now() + patience, stop).status();
}

}  // namespace penstock::eventbus::jetstream
