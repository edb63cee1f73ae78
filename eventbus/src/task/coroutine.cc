// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/task/coroutine.h"

#include <algorithm>

#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock {
namespace eventbus {
namespace {

/// The outermost coroutine of a call: it destroys itself when it ends.
struct Outermost {
  struct promise_type {  // NOLINT(readability-identifier-naming): the language asks for it
    Outermost get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const {}
    [[noreturn]] void unhandled_exception() const { std::terminate(); }  // it catches what its handler throws

    const CoroutineCall* call = nullptr;
  };
  std::coroutine_handle<promise_type> coroutine;
};

/// Makes the call known to the coroutines that are awaited; does not wait.
struct Enter {
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<Outermost::promise_type> outermost) const noexcept {
    call.outermost = outermost;
    outermost.promise().call = &call;
    return false;
  }
  void await_resume() const noexcept {}

  CoroutineCall& call;
};

Outermost Run(absl::AnyInvocable<Task<Outcome>()> begin, DeferredOutcome token, CoroutineCall call) {
  co_await Enter{call};
  Outcome outcome = Retry();
  try {
    const Task<Outcome> task = begin();
    outcome = co_await task;
  } catch (const std::exception& error) {
    outcome = Retry(error.what());
  } catch (...) {
    outcome = Retry("the coroutine threw");
  }
  token.Settle(outcome).IgnoreError();
}

}  // namespace

void StartCall(absl::AnyInvocable<Task<Outcome>()> begin, const Delivery& delivery) {
  CoroutineCall call{.executor = delivery.bus().executor(), .fence = delivery.fence()};
  Run(std::move(begin), delivery.Defer(), std::move(call)).coroutine.resume();
}

CoroutineDelivery Kept(const Delivery& delivery) {
  return {.bus = &delivery.bus(),
          .topic = std::string(delivery.topic()),
          .stream_sequence = delivery.stream_sequence(),
          .attempt = delivery.attempt(),
          .fence = delivery.fence(),
          .stored_at = delivery.stored_at(),
          .headers = delivery.AllHeaders(),
          .stop_token = delivery.stop_token()};
}

void PublishAwaiter::AddFence(PublishOptions& options, std::uint64_t fence) {
  const auto is_fence = [](const auto& field) { return SameName(field.first, header::kFence); };
  if (fence == 0 || std::ranges::any_of(options.headers, is_fence)) return;
  options.headers.emplace_back(header::kFence, std::to_string(fence));
}

// False: it was not sent, and goes on with why.
bool PublishAwaiter::Begin(const std::shared_ptr<Resumption>& resumption) {
  ack = std::make_shared<Ack>();
  auto done = [slot = ack, resumption](Ack arrived) {
    *slot = std::move(arrived);
    std::move(*resumption).ResumeOnPool();
  };
  const std::shared_ptr<Ack> slot = ack;
  const std::string to = std::move(topic);
  absl::Status sent = bus.PublishEnvelopeAsync(to, std::move(envelope), std::move(done), std::move(options));
  if (sent.ok()) return true;
  resumption->Release();
  *slot = std::move(sent);
  return false;
}

}  // namespace eventbus

Task<absl::StatusOr<Result>> ResultOf(EventBus& bus, std::string topic, std::string durable, std::string event_id,
                                      std::chrono::milliseconds timeout, ResultOptions options) {
  using std::chrono::milliseconds;
  constexpr milliseconds kLook{50}, kLongestPause{500};
  const auto deadline = DeadlineAfter(timeout);
  milliseconds pause = kLook;
  while (true) {
    absl::StatusOr<Result> result = bus.AwaitResult(topic, durable, event_id, std::min(timeout, kLook), options);
    if (!absl::IsDeadlineExceeded(result.status()) || std::chrono::steady_clock::now() >= deadline) co_return result;
    co_await Slept(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

}  // namespace penstock
