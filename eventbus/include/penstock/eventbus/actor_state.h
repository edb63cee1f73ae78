// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/codec.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/outcome.h"

namespace penstock {

/// A state as it is kept, and the last message that it has seen.
struct StoredState {
  std::string state{};
  std::uint64_t revision = 0;                         ///< of the store; 0: there is none yet
  std::uint64_t sequence = 0;                         ///< of the last message handled, in its stream
  std::chrono::system_clock::time_point stored_at{};  ///< when the server stored that message
  /// Of that message's outcome (`Outcome::With`); empty: none. A store that does not keep it makes the message's result
  /// one without a value, if a process dies when it has saved the state and not yet the result.
  std::string value{};
};

/// Where the states of an actor's keys are kept.
///
/// **Thread safety:** thread-safe. **Blocking:** may block the handler that calls it.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// Nothing when there is none of that key.
  virtual absl::StatusOr<std::optional<StoredState>> Load(std::string_view key) = 0;
  /// Writes if `state.revision` is the one that is there, and returns the new one. `kAborted` when it is not.
  virtual absl::StatusOr<std::uint64_t> Save(std::string_view key, const StoredState& state) = 0;
};

/// Keeps states in a bucket, which is created when it is missing, under `{prefix}.{key}`; keys are written so that any
/// is valid. Errors as `EventBus::Bucket`. Outlived by the bus.
absl::StatusOr<std::shared_ptr<StateStore>> OpenStateBucket(EventBus& bus, std::string_view bucket,
                                                            std::string_view prefix, const BucketOptions& options = {});

/// How an actor's states are made, kept and let go.
template <typename State>
struct StateOptions {
  /// Makes the state of a key that has none. Empty: `State()`.
  std::function<absl::StatusOr<State>(std::string_view key)> make{};
  /// Where states are kept. Null: `Actor::HostState` opens the bucket `PENSTOCK_ACTORS`, if the state has a codec;
  /// otherwise states live in memory only, and with their process.
  std::shared_ptr<StateStore> store{};
  bool in_memory_only = false;  ///< also where the state has a codec
  /// A state that no message has come for is let go after this; its key's next message loads it again. Checked as
  /// messages come. Range from 1 ms.
  std::chrono::milliseconds idle_after{600'000};
};

/// A state for messages of type `T`.
template <typename State, typename T>
concept StateOf = std::is_invocable_r_v<Outcome, decltype(&State::Handle), State&, const T&, const Delivery&> ||
    std::is_invocable_r_v<Outcome, decltype(&State::Handle), State&, const T&>;

namespace eventbus {

/// Loads, keeps and saves the states of keys, whatever their type.
///
/// **Thread safety:** thread-safe; calls of one key come one at a time, as a bus makes them.
class StateKeeper {
 public:
  /// The type's functions.
  struct Type {
    /// The state of a key that has none.
    std::function<absl::StatusOr<std::shared_ptr<void>>(std::string_view key)> make{};
    std::function<absl::StatusOr<std::shared_ptr<void>>(std::string_view bytes)> decode{};  ///< empty: not kept
    std::function<absl::StatusOr<std::string>(const void* state)> encode{};
  };
  /// The message that is handled.
  struct Occasion {
    std::string_view key{};
    std::uint64_t sequence = 0;
    std::chrono::system_clock::time_point stored_at{};
    std::uint64_t fence = 0;
  };
  using Clock = std::chrono::steady_clock;

  StateKeeper(Type type, std::shared_ptr<StateStore> store, std::chrono::milliseconds idle_after);
  ~StateKeeper();

  /// Calls `handle` with the key's state, unless the state has seen the message: then `Outcome::AlreadyHandled`, with
  /// the value of the last message. Of an earlier one the value is not known, but its result was kept before the next
  /// one's handler began. A state is saved before its outcome is returned; after any other outcome than `kAck` a kept
  /// state is loaded again, as it was before.
  Outcome Handle(const Occasion& occasion, const std::function<Outcome(void* state)>& handle,
                 Clock::time_point now = Clock::now());

  /// How many states are in memory.
  std::size_t size() const;

 private:
  class States;
  std::unique_ptr<States> states_;
};

template <typename State>
StateKeeper::Type TypeOf(const StateOptions<State>& options) {
  StateKeeper::Type type;
  type.make = [make = options.make](std::string_view key) -> absl::StatusOr<std::shared_ptr<void>> {
    if (!make) {
      if constexpr (std::is_default_constructible_v<State>) {
        return std::shared_ptr<void>(std::make_shared<State>());
      } else {
        return absl::InvalidArgumentError("the state has no default; set StateOptions::make");
      }
    }
    absl::StatusOr<State> made = make(key);
    if (!made.ok()) return made.status();
    return std::shared_ptr<void>(std::make_shared<State>(*std::move(made)));
  };
  if constexpr (Encodable<State>) {
    type.decode = [](std::string_view bytes) -> absl::StatusOr<std::shared_ptr<void>> {
      absl::StatusOr<State> read = Codec<State>::Decode(bytes);
      if (!read.ok()) return read.status();
      return std::shared_ptr<void>(std::make_shared<State>(*std::move(read)));
    };
    type.encode = [](const void* state) { return Codec<State>::Encode(*static_cast<const State*>(state)); };
  }
  return type;
}

/// The handler of an actor with a state of each key.
template <typename State, typename T>
auto StatefulHandler(std::shared_ptr<StateKeeper> keeper) {
  return [keeper = std::move(keeper)](const T& message, const Envelope& envelope, const Delivery& delivery) -> Outcome {
    if (envelope.aggregate_id == envelope.event_id) return Reject("it was sent without a key, and states are of keys");
    const StateKeeper::Occasion occasion{.key = envelope.aggregate_id,
                                         .sequence = delivery.stream_sequence(),
                                         .stored_at = delivery.stored_at(),
                                         .fence = delivery.fence()};
    return keeper->Handle(occasion, [&](void* state) -> Outcome {
      if constexpr (std::is_invocable_r_v<Outcome, decltype(&State::Handle), State&, const T&, const Delivery&>) {
        return static_cast<State*>(state)->Handle(message, delivery);
      } else {
        return static_cast<State*>(state)->Handle(message);
      }
    });
  };
}

}  // namespace eventbus

}  // namespace penstock
