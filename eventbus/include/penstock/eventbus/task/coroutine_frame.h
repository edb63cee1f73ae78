// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/event_bus.h"

// The machinery of penstock/eventbus/task/coroutine.h.
namespace penstock {

template <typename T>
class Task;
struct CoroutineDelivery;

namespace eventbus {

/// One call of a handler that is a coroutine. Lives in the outermost coroutine, which awaits the handler's.
struct CoroutineCall {
  Executor executor;
  std::uint64_t fence = 0;
  std::coroutine_handle<> outermost{};
};

/// The right to go on with a coroutine that waits. Destroying it destroys the call that the coroutine belongs to: from
/// the moment that it exists, the coroutine's frame may be gone.
class Resumption {
 public:
  Resumption(std::coroutine_handle<> waiting, const CoroutineCall& call)
      : waiting_(waiting), outermost_(call.outermost), executor_(call.executor) {}
  Resumption(Resumption&& other) noexcept
      : waiting_(std::exchange(other.waiting_, nullptr)), outermost_(other.outermost_), executor_(other.executor_) {}
  Resumption& operator=(Resumption&&) = delete;
  ~Resumption() {
    if (waiting_) outermost_.destroy();
  }

  void ResumeHere() { std::exchange(waiting_, nullptr).resume(); }
  void ResumeOnPool(std::chrono::milliseconds delay = std::chrono::milliseconds{0}) && {
    Executor executor = executor_;
    executor.Post([resumption = std::move(*this)]() mutable { resumption.ResumeHere(); }, delay).IgnoreError();
  }
  /// The coroutine goes on by itself.
  void Release() { waiting_ = nullptr; }

 private:
  std::coroutine_handle<> waiting_;
  std::coroutine_handle<> outermost_;
  Executor executor_;
};

/// The common part of the promises of all tasks.
struct TaskPromiseBase {
  struct GoOnWithAwaiting {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().awaiting;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  GoOnWithAwaiting final_suspend() const noexcept { return {}; }
  void unhandled_exception() { thrown = std::current_exception(); }

  const CoroutineCall* call = nullptr;
  std::coroutine_handle<> awaiting{};
  std::exception_ptr thrown{};
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
  Task<T> get_return_object() { return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this)); }
  template <typename U>
  void return_value(U&& given) {
    value.emplace(std::forward<U>(given));
  }
  T Take() { return std::move(*value); }
  std::optional<T> value{};
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  inline Task<void> get_return_object();
  void return_void() const {}
  void Take() const {}
};

template <typename T>
struct TaskAwaiter {
  bool await_ready() const {
    if (!coroutine) throw std::logic_error("a task that was moved from is awaited");
    return false;
  }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> parent) const noexcept {
    coroutine.promise().call = parent.promise().call;
    coroutine.promise().awaiting = parent;
    return coroutine;
  }
  T await_resume() const {
    if (coroutine.promise().thrown) std::rethrow_exception(coroutine.promise().thrown);
    return coroutine.promise().Take();
  }

  std::coroutine_handle<TaskPromise<T>> coroutine;
};

// In all of these: once there is a resumption, the awaiter may be gone.

struct SleepAwaiter {
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) const {
    Resumption(waiting, *waiting.promise().call).ResumeOnPool(time);
  }
  void await_resume() const noexcept {}

  std::chrono::milliseconds time;
};

struct PublishAwaiter {
  using Ack = absl::StatusOr<PubAck>;

  PublishAwaiter& operator co_await() & noexcept { return *this; }
  void operator co_await() && = delete;
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiting) {
    AddFence(options, waiting.promise().call->fence);
    return Begin(std::make_shared<Resumption>(waiting, *waiting.promise().call));
  }
  Ack await_resume() { return std::move(*ack); }

  static void AddFence(PublishOptions& options, std::uint64_t fence);
  bool Begin(const std::shared_ptr<Resumption>& resumption);

  EventBus& bus;
  std::string topic;
  Envelope envelope;
  PublishOptions options;
  std::shared_ptr<Ack> ack{};
};

template <typename T>
class CallbackOf {
 public:
  using Slot = std::shared_ptr<absl::StatusOr<T>>;

  CallbackOf(Slot slot, Resumption resumption)
      : state_(std::make_shared<State>(std::move(slot), std::move(resumption))) {}

  void operator()(T value) const { state_->End(std::move(value)); }

  /// True: it was not called, and cannot be any more; the coroutine goes on by itself.
  bool TakeBack() const { return state_->TakeBack(); }

 private:
  class State {
   public:
    State(Slot slot, Resumption resumption) : slot_(std::move(slot)), resumption_(std::move(resumption)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { End(absl::CancelledError("the callback was destroyed without a call")); }

    void End(absl::StatusOr<T> value) {
      if (ended_.exchange(true, std::memory_order_acq_rel)) return;
      *slot_ = std::move(value);
      std::move(resumption_).ResumeOnPool();
    }
    bool TakeBack() {
      if (ended_.exchange(true, std::memory_order_acq_rel)) return false;
      resumption_.Release();
      return true;
    }

   private:
    std::atomic<bool> ended_{false};
    Slot slot_;
    Resumption resumption_;
  };
  std::shared_ptr<State> state_;
};

template <typename T, typename F>
struct CallAwaiter {
  CallAwaiter& operator co_await() & noexcept { return *this; }
  void operator co_await() && = delete;
  bool await_ready() const noexcept { return false; }
  template <typename Promise>
  void await_suspend(std::coroutine_handle<Promise> waiting) {
    slot = std::make_shared<absl::StatusOr<T>>(absl::UnknownError("not called"));
    const CallbackOf<T> callback(slot, Resumption(waiting, *waiting.promise().call));
    F moved = std::move(start);
    try {
      moved(callback);
    } catch (...) {
      if (callback.TakeBack()) throw;
    }
  }
  absl::StatusOr<T> await_resume() { return std::move(*slot); }

  F start;
  std::shared_ptr<absl::StatusOr<T>> slot{};
};

/// Runs the handler that `begin` calls until it waits or ends; then it goes on by itself.
void StartCall(absl::AnyInvocable<Task<Outcome>()> begin, const Delivery& delivery);
CoroutineDelivery Kept(const Delivery& delivery);

}  // namespace eventbus
}  // namespace penstock
