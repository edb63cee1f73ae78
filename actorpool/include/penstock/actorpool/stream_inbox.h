// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace penstock::actorpool::internal {

/// The inbox of one stream and the callback for its messages, whatever their type. `StreamRegistry` makes it; it is not
/// for direct use.
///
/// It consists of two lists. Messages arrive in one; the thread that runs the stream takes the list as a whole and
/// handles its messages one after the other. Both keep the memory for some messages, so a steady flow allocates
/// nothing.
///
/// **Thread safety:** thread-confined: the holder of the stream's lock calls `Append` and `Take`, the thread that runs
/// the stream calls `Take` and `HandleNext`.
/// **Ownership:** owns the messages and the callback.
class StreamInbox {
 public:
  virtual ~StreamInbox() = default;

  /// Appends `*message`, of the stream's type, and moves from it.
  virtual void Append(void* message) = 0;

  /// Makes the messages that arrived those to handle, and returns their number. Only when none is left to handle.
  virtual std::size_t Take() = 0;

  /// Calls the callback with the next message. Throws what the callback throws; the message is gone in any case.
  virtual absl::Status HandleNext() = 0;
};

template <typename Message>
class TypedStreamInbox final : public StreamInbox {
 public:
  using Callback = absl::AnyInvocable<absl::Status(Message&&)>;

  explicit TypedStreamInbox(Callback callback) : callback_(std::move(callback)) {}

  void Append(void* message) override { arrived_.push_back(std::move(*static_cast<Message*>(message))); }

  std::size_t Take() override {
    taken_.swap(arrived_);
    return taken_.size();
  }

  absl::Status HandleNext() override {
    Message message = std::move(taken_[next_++]);
    if (next_ == taken_.size()) Recycle();
    return callback_(std::move(message));
  }

 private:
  /// The memory that an inbox keeps is that of `kKept` messages, however many it once held.
  static constexpr std::size_t kKept = 64;

  void Recycle() {
    next_ = 0;
    taken_.clear();
    if (taken_.capacity() > kKept) std::vector<Message>().swap(taken_);
  }

  Callback callback_;
  std::vector<Message> arrived_{};
  std::vector<Message> taken_{};
  std::size_t next_ = 0;  ///< the first message of `taken_` that was not handled
};

}  // namespace penstock::actorpool::internal
