// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/task/coroutine_frame.h"

namespace penstock {

/// A coroutine that computes a `T`: `co_return` gives it, another coroutine of the same handler awaits it with
/// `co_await`. It begins when it is awaited. What it throws is thrown where it is awaited. Move-only; destroying it
/// destroys the coroutine.
///
/// Only a variable can be awaited: `Task<int> sum = Sum(a, b); use(co_await sum);`. GCC before 14 destroys
/// temporary aggregates and closures within a `co_await` expression twice, so the expression that would have them does
/// not compile. `Slept` has none.
template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = eventbus::TaskPromise<T>;  // NOLINT(readability-identifier-naming): the language asks for it

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(coroutine_, other.coroutine_);
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  auto operator co_await() const& noexcept { return eventbus::TaskAwaiter<T>{coroutine_}; }
  void operator co_await() && = delete;  // see above

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  std::coroutine_handle<promise_type> coroutine_;
};

/// The delivery that a coroutine handles: a copy, valid as long as the coroutine is.
struct CoroutineDelivery {
  EventBus* bus = nullptr;  ///< outlives every step of the coroutine
  std::string topic{};
  std::uint64_t stream_sequence = 0;
  std::uint64_t attempt = 0;
  std::uint64_t fence = 0;  ///< `Delivery::fence`; publishes with `Published` carry it
  std::chrono::system_clock::time_point stored_at{};
  Headers headers{};
  std::stop_token stop_token{};
};

/// A handler that is a coroutine. It takes copies, since it goes on when the call has returned.
template <typename F>
concept CoroutineHandler = std::copy_constructible<F> &&
    requires(F& handler, Envelope envelope, CoroutineDelivery delivery) {
  { handler(std::move(envelope), std::move(delivery)) } -> std::same_as<Task<Outcome>>;
};

/// The handler for `EventBus::SubscribeEnvelope` that runs a coroutine for each event:
///
///     bus->SubscribeEnvelope("orders", {.durable = "billing"}, Coroutine(
///         [](Envelope event, CoroutineDelivery delivery) -> Task<Outcome> {
///           auto charging = Called<bool>([&](auto done) { client.Charge(event.aggregate_id, done); });
///           const absl::StatusOr<bool> charged = co_await charging;
///           co_return charged.ok() && *charged ? Ack() : Retry("card terminal is down");
///         }));
///
/// While it waits it holds its event's key and no worker; it goes on on a worker of the bus's pool. Between two waits
/// it may block as any handler. As after `Delivery::Defer`, which it is built on, time limit and results do not cover
/// it, and when the bus drains, what has not ended by the deadline is handed back. A coroutine that is destroyed before
/// its end (the bus ended while it waited) counts as `Retry`, as does one that throws.
///
/// The function's captures must outlive the subscription, for a coroutine refers to them; `handler` itself is kept.
template <CoroutineHandler F>
EnvelopeHandler Coroutine(F handler) {
  auto shared = std::make_shared<F>(std::move(handler));
  return [shared](const Envelope& envelope, const Delivery& delivery) -> Outcome {
    eventbus::StartCall(
        [shared, copy = Envelope(envelope), kept = eventbus::Kept(delivery)]() mutable {
          return (*shared)(std::move(copy), std::move(kept));
        },
        delivery);
    return Deferred();
  };
}

/// `co_await Slept(20ms)`: goes on after that time at the earliest. Holds no thread.
inline eventbus::SleepAwaiter Slept(std::chrono::milliseconds time) { return eventbus::SleepAwaiter{time}; }

/// `auto publishing = Published(bus, topic, envelope); co_await publishing`: publishes, and goes on with the PubAck or
/// why there is none. Carries the fence of the handler's delivery. Errors as `EventBus::PublishEnvelopeAsync`, whose
/// window it may block for.
inline eventbus::PublishAwaiter Published(EventBus& bus, std::string topic, Envelope envelope,
                                          PublishOptions options = {}) {
  return eventbus::PublishAwaiter{bus, std::move(topic), std::move(envelope), std::move(options)};
}

/// Reports a result to the coroutine that awaits it. Copies are one: the first call counts. May be called on any
/// thread, also before the function that was given it has returned, and after the bus has ended.
template <typename T>
using Callback = eventbus::CallbackOf<T>;

/// `auto calling = Called<T>(start); co_await calling`: calls `start` with a `Callback<T>`, and goes on, with an
/// `absl::StatusOr<T>`, when that has been called. `kCancelled` when every copy of it was destroyed without a call.
template <typename T, std::invocable<Callback<T>> F>
eventbus::CallAwaiter<T, F> Called(F start) {
  return eventbus::CallAwaiter<T, F>{std::move(start)};
}

/// `auto result = ResultOf(...); co_await result`: as `EventBus::AwaitResult`, holding no worker but for a request now
/// and then.
Task<absl::StatusOr<Result>> ResultOf(EventBus& bus, std::string topic, std::string durable, std::string event_id,
                                      std::chrono::milliseconds timeout, ResultOptions options = {});

namespace eventbus {

inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

}  // namespace eventbus
}  // namespace penstock
