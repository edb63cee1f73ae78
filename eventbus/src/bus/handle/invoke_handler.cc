// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/invoke_handler.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "bus/handle/deferral.h"
#include "bus/publish/handler_fence.h"
#include "envelope/codecs.h"
#include "naming/names.h"
#include "penstock/eventbus/envelope.h"

namespace penstock::eventbus {
namespace {

class InHandler;
thread_local const InHandler* innermost = nullptr;  // handler on this thread

class InHandler {
 public:
  explicit InHandler(const EventBus* bus) : bus_(bus) { innermost = this; }
  ~InHandler() { innermost = around_; }
  InHandler(const InHandler&) = delete;
  InHandler& operator=(const InHandler&) = delete;

  static bool Of(const EventBus& bus) {
    const InHandler* each = innermost;
    while (each != nullptr && each->bus_ != &bus) each = each->around_;
    return each != nullptr;
  }

 private:
  const EventBus* const bus_;
  const InHandler* const around_ = innermost;
};

/// Used again for the next message on this thread, so that its texts need no new memory.
thread_local std::unique_ptr<Envelope> spare_envelope;
constexpr std::size_t kMostKept = 64 << 10;

}  // namespace

HandlerResult InvokeHandler(const MessageHandler& handler, const Place& place, const StoredMessage& message) {
  const InHandler here(place.bus);
  const absl::Status status = handler(DeliveryFactory::Make(message, place));
  if (status.ok()) return {.kind = HandlerResult::Kind::kHandled};
  return {.kind = HandlerResult::Kind::kRetry, .reason = status.ToString()};
}

HandlerResult InvokeHandler(const EnvelopeHandler& handler, const Place& place, const Expiry& expiry,
                            const StoredMessage& message, const Attempt& attempt, DeferralSource& deferrals) {
  const auto content_type = message.Header(header::kContentType).value_or(std::string_view{});
  auto envelope = spare_envelope != nullptr ? std::move(spare_envelope) : std::make_unique<Envelope>();
  const absl::Cleanup keep = [&envelope] {
    if (envelope->payload.capacity() <= kMostKept) spare_envelope = std::move(envelope);
  };
  if (auto status = DecodeInto(message.payload(), content_type, *envelope); !status.ok()) {
    return {.kind = HandlerResult::Kind::kUndecodable, .reason = status.ToString()};
  }
  const auto routed_by = message.Header(header::kAggregateId);
  const auto names = [&] {
    const std::string& id = envelope->aggregate_id;
    return routed_by->find('%') == std::string_view::npos ? *routed_by == id : PercentDecode(*routed_by) == id;
  };
  if (routed_by && !routed_by->empty() && !names()) {
    return {.kind = HandlerResult::Kind::kUndecodable,
            .reason = "the header's aggregate ID differs from the envelope's"};
  }
  const EventGate::Verdict verdict =
      attempt.gate == nullptr ? EventGate::Verdict::kBegin : attempt.gate->Ask(envelope->event_id);
  if (verdict == EventGate::Verdict::kCancelled) return {.kind = HandlerResult::Kind::kCancelled};
  if (verdict == EventGate::Verdict::kPostponed) return {.kind = HandlerResult::Kind::kPostponed};
  const Age age{.stored_at = message.stored_at(), .expires_at = envelope->expires_at, .redriven = attempt.redriven};
  if (CanExpire(expiry, age)) {
    if (auto expired = ResultIfExpired(expiry, age, std::chrono::system_clock::now())) return *std::move(expired);
  }
  const InHandler here(place.bus);
  const HandlerFence fence(attempt.fence);
  return ToHandlerResult(handler(*envelope, DeliveryFactory::Make(message, place, attempt, deferrals)));
}

void RunAsHandler(const EventBus* bus, absl::AnyInvocable<void()>& work) {
  const InHandler here(bus);
  work();
}

bool IsInHandler() { return innermost != nullptr; }
bool IsInHandlerOf(const EventBus& bus) { return InHandler::Of(bus); }

}  // namespace penstock::eventbus
