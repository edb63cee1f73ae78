// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/delayed_messages.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/delay/delayed_message.h"
#include "bus/publish/ack_waiter.h"
#include "naming/names.h"
#include "options/options_check.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

// The relay may be publishing it already, and clocks differ.
constexpr std::chrono::seconds kTooLate{1};
// A cancellation takes a moment to reach the relay.
constexpr std::chrono::milliseconds kNoticed{500};
// The message was replaced in between.
constexpr int kTries = 5;

}  // namespace

absl::Status DelayedMessages::Publish(std::string_view topic, Envelope envelope, PublishOptions options,
                                      PublishCallback done) {
  const auto due = DueTime(options);
  auto message = publisher_.Prepare(topic, std::move(envelope), std::move(options));
  if (!message.ok()) return message.status();
  const absl::StatusOr<std::size_t> limit = streams_.EnsureDelayed(StreamAccess::kPublish);
  if (!limit.ok()) return limit.status();
  OutboundMessage delayed = MakeDelayed(*std::move(message), due, DelayedStreamName(options_.base_stream_name));
  if (const std::size_t size = SizeBytes(delayed); size > *limit) {
    return absl::InvalidArgumentError(absl::StrCat("publish to ", Quoted(topic),
                                                   " with a delay: body and headers take ", size,
                                                   " bytes, the limit is ", *limit, "; send less, or raise the limit"));
  }
  return transport_.Publish(std::move(delayed), [this, done = std::move(done)](absl::StatusOr<PubAck> ack) mutable {
    if (absl::IsNotFound(ack.status())) streams_.LookAgainAtDelayed();
    if (done) done(std::move(ack));
  });
}

absl::Status DelayedMessages::CallOff(std::string_view topic, std::string_view id) {
  absl::Status status = CheckTopic("cancel a delayed message of", topic, options_.base_stream_name);
  if (status.ok()) status = CheckVisibleAscii("event_id", id, kMostMessageIdBytes, Presence::kRequired);
  if (!status.ok()) return status;
  const std::string subject = DelayedSubject(DelayedStreamName(options_.base_stream_name), topic, id);
  for (int tries = 0; tries < kTries; ++tries) {
    status = CallOffOnce(subject);
    if (!absl::IsAborted(status)) break;
  }
  return status.ok() ? status : Prefixed(absl::StrCat("cancel delayed message ", Quoted(id)), status);
}

// `kAborted` when the message has been replaced or removed since it was read.
absl::Status DelayedMessages::CallOffOnce(std::string_view subject) {
  const std::string stream = DelayedStreamName(options_.base_stream_name);
  const absl::Status none = absl::NotFoundError("none waits: it was published or cancelled, or there never was one");
  const auto waiting = transport_.ReadMessage(stream, std::string(subject), 1);
  if (absl::IsNotFound(waiting.status())) return none;
  if (!waiting.ok()) return waiting.status();
  const DelayedFacts facts = ReadDelayed(**waiting, options_.base_stream_name);
  if (!facts.due) return none;
  if (*facts.due - std::chrono::system_clock::now() < kTooLate)
    return absl::FailedPreconditionError("it is due within a second, or is being published: too late");
  const absl::StatusOr<PubAck> called_off = AwaitAck([&](PublishCallback done) {
    return transport_.Publish(MakeCalledOff(subject, (*waiting)->stream_sequence()), std::move(done));
  });
  // The relay may have published it, and not removed it yet.
  if (called_off.ok() && *facts.due - std::chrono::system_clock::now() < kNoticed)
    return absl::FailedPreconditionError("it was called off only just before it was due: it may have been published");
  return called_off.status();
}

}  // namespace penstock::eventbus
