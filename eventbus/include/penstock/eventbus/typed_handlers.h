// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/codec.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/outcome.h"

namespace penstock {

/// The fate of an event for which there is no typed handler: of its type, or of its version.
enum class UnknownEvent {
  kReject,       ///< to the dead letters
  kAcknowledge,  ///< passed over, as if it were not there
  kRetry,        ///< tried again with the back-off, its aggregate waits: for a newer version of the service
};

/// The versions of an event type that a handler understands.
struct EventVersions {
  std::int64_t first = 1;
  std::int64_t last = 1;
};

namespace internal {

template <typename Returned>
struct ReturnedBy {
  static constexpr bool kFits = std::is_convertible_v<Returned, Outcome>;
  static Outcome ToOutcome(Returned returned) { return returned; }
};

template <Encodable Value>
struct ReturnedBy<absl::StatusOr<Value>> {
  static constexpr bool kFits = true;
  static Outcome ToOutcome(absl::StatusOr<Value> returned) {
    if (!returned.ok()) return returned.status();
    absl::StatusOr<std::string> bytes = Codec<Value>::Encode(*returned);
    if (!bytes.ok()) return Reject("its result cannot be written: " + std::string(bytes.status().message()));
    return Outcome::With(*std::move(bytes));
  }
};

}  // namespace internal

/// Whether a handler can be called with that, and returns an outcome, a status, or a value as a `StatusOr`: the result
/// of its message (`Outcome::With`), where results are kept.
template <typename Handler, typename... Arguments>
concept HandlesWith = std::is_invocable_v<Handler&, Arguments...> &&
    internal::ReturnedBy<std::invoke_result_t<Handler&, Arguments...>>::kFits;

/// A handler of values of type `T`: called with the value, and if it wants them with the envelope and the delivery, or
/// with the delivery. It returns what `HandlesWith` says.
template <typename Handler, typename T>
concept TypedHandler = HandlesWith<Handler, const T&, const Envelope&, const Delivery&> ||
    HandlesWith<Handler, const T&, const Delivery&> || HandlesWith<Handler, const T&>;

/// Handlers for the event types of one subscription, chosen by type and version. A payload that cannot be read, or that
/// has another content type, is rejected.
///
///     TypedHandlers()
///         .On<OrderPlaced>([](const OrderPlaced& order) { return Charge(order); })
///         .On<OrderCancelled>([](const OrderCancelled& order, const Delivery&) { return Refund(order); })
///         .OnUnknown(UnknownEvent::kAcknowledge)
///
/// **Thread safety:** thread-compatible; the handler that `Build` returns is as thread-safe as those given.
class TypedHandlers {
 public:
  using Handler = std::function<Outcome(const Envelope& envelope, const Delivery& delivery)>;

  /// Handles events of the type that `T`'s codec names, of its version. An error is told by `Build`.
  template <Encodable T, TypedHandler<T> H>
  TypedHandlers& On(H handler) {
    return On<T>(std::move(handler), {.first = Codec<T>::Version(), .last = Codec<T>::Version()});
  }
  /// The same for a range of versions: the codec reads all of them.
  template <Encodable T, TypedHandler<T> H>
  TypedHandlers& On(H handler, EventVersions versions) {
    return Add(Codec<T>::Type(), std::string(Codec<T>::ContentType()), versions, Reading<T>(std::move(handler)));
  }
  /// `kReject` unless set.
  TypedHandlers& OnUnknown(UnknownEvent fate) {
    unknown_ = fate;
    return *this;
  }

  /// The handler for `EventBus::SubscribeEnvelope`. `kInvalidArgument` when there is none for any type, two for the
  /// same, a range of versions that is empty or not above 0, an invalid type, or an empty function.
  absl::StatusOr<Handler> Build() const;

 private:
  struct Entry {
    std::string type{};
    std::string content_type{};
    EventVersions versions{};
    Handler handle{};
  };

  template <Encodable T, typename H>
  static Handler Reading(H handler) {
    if constexpr (std::is_pointer_v<H> || requires { handler.operator bool(); }) {
      if (!static_cast<bool>(handler)) return {};
    }
    return [handler = std::move(handler)](const Envelope& envelope, const Delivery& delivery) mutable -> Outcome {
      const absl::StatusOr<T> value = Codec<T>::Decode(envelope.payload);
      if (!value.ok()) return Unreadable(envelope.event_type, value.status());
      if constexpr (HandlesWith<H, const T&, const Envelope&, const Delivery&>) {
        return ToOutcome(handler(*value, envelope, delivery));
      } else if constexpr (HandlesWith<H, const T&, const Delivery&>) {
        return ToOutcome(handler(*value, delivery));
      } else {
        return ToOutcome(handler(*value));
      }
    };
  }

  template <typename Returned>
  static Outcome ToOutcome(Returned returned) {
    return internal::ReturnedBy<Returned>::ToOutcome(std::move(returned));
  }
  static Outcome Unreadable(std::string_view type, const absl::Status& why);
  TypedHandlers& Add(std::string type, std::string content_type, EventVersions versions, Handler handle);

  std::vector<Entry> entries_{};
  UnknownEvent unknown_ = UnknownEvent::kReject;
};

}  // namespace penstock
