// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/headers.h"

namespace penstock {

class StoredMessage;
namespace eventbus {
class ReadChannel;
}  // namespace eventbus

/// A plain message that was read. Copies share its memory, on the embedded bus also with other subscribers. A small
/// message can keep up to 4 KiB: keep the bytes that are needed, rather than the message, for long.
///
/// **Thread safety:** immutable, thus thread-safe. **Ownership:** may outlive its reader and its bus.
class Message {
 public:
  explicit Message(std::shared_ptr<const StoredMessage> stored) : stored_(std::move(stored)) {}

  std::string_view topic() const;
  std::string_view payload() const;
  /// The first value of a header, or nothing.
  std::optional<std::string_view> Header(std::string_view name) const;
  /// All headers, copied.
  Headers AllHeaders() const;
  /// Position in its stream, from 1.
  std::uint64_t stream_sequence() const;
  /// When the server stored it.
  std::chrono::system_clock::time_point stored_at() const;

 private:
  std::shared_ptr<const StoredMessage> stored_;
};

/// A subscription that is read, message by message. Obtained from `EventBus::Read`.
///
///     for (const Message& message : *reader) Show(message.payload());
///
/// **Thread safety:** one thread at a time, except for `Close`, which any thread may call while another one is in
/// `Next`. Readers are independent of each other.
/// **Ownership:** movable. May outlive its bus. A reader that was moved from is closed.
/// **Blocking:** `Next` and the range, until a message, the time-out or the end. `Close` and the destructor for a
/// callback of the transport that runs and, while the server does not answer, a request that runs (1.5 s at most).
/// **Ordering:** messages of a topic come in stream order; those of several topics by turns.
/// **Shutdown:** it ends with `Close`; when its bus is drained or closed; and, with `WhenFull::kDisconnect`, when its
/// queue was full. In the latter two cases what waits can still be read.
class Reader {
 public:
  explicit Reader(std::shared_ptr<eventbus::ReadChannel> channel) : channel_(std::move(channel)) {}
  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&& other) noexcept;
  ~Reader();

  static constexpr std::chrono::milliseconds kForEver = std::chrono::milliseconds::max();

  /// The next message. `kDeadlineExceeded` when none came within `timeout` (0: when none is here); `kInvalidArgument`
  /// for a negative one; `kCancelled` once it was closed, or its bus; `kOutOfRange` once its full queue has ended it;
  /// `kFailedPrecondition` once the consumer of its group was changed so that it does not fit.
  absl::StatusOr<Message> Next(std::chrono::milliseconds timeout = kForEver);

  /// Ends it: a `Next` that waits returns, and what waits to be read is dropped. Idempotent.
  void Close();

  /// Messages that found the queue full, or were dropped for those.
  std::uint64_t dropped() const;

  /// Each step is a `Next` without a time-out; the range ends with the reader.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Message;
    using difference_type = std::ptrdiff_t;
    using pointer = const Message*;
    using reference = const Message&;

    explicit Iterator(Reader& reader) : reader_(&reader) { ++*this; }
    reference operator*() const { return *message_; }
    pointer operator->() const { return &*message_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !message_.has_value(); }

   private:
    Reader* reader_;
    std::optional<Message> message_{};
  };
  Iterator begin() { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::shared_ptr<eventbus::ReadChannel> channel_;  // null when it was moved from
};

}  // namespace penstock
