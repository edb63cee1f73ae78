// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "jetstream/message/received_message.h"

namespace penstock::eventbus::jetstream {

/// Parses what a NATS server sends: messages go to the sinks of their subscriptions, control lines to the receiver.
/// Nothing that the server claims is believed beyond the limits below: a longer line or a larger message is a fault,
/// and so is a line that is no NATS protocol; no memory is allocated for it.
///
/// The caller reads into `Room` and then calls `Arrived`. The rest of a large body is read directly into its message.
///
/// **Thread safety:** thread-compatible. **Ordering:** sinks and the receiver are called in the order of arrival.
class ProtocolParser {
 public:
  /// Takes the messages of a subscription. Called within `Arrived`; must not block.
  class MessageSink {
   public:
    virtual void OnMessage(MessageHandle message) = 0;

   protected:
    ~MessageSink() = default;
  };

  /// Called within `Arrived`; must not block.
  class Receiver {
   public:
    /// The sink of a subscription; null when nobody wants its messages, which are then skipped.
    virtual MessageSink* FindSink(std::uint64_t subscription) = 0;
    /// A line that is no message, without its line end.
    virtual void OnControlLine(std::string_view line) = 0;

   protected:
    ~Receiver() = default;
  };

  /// The most that one read brings beside the rest of a body, and the longest line (the text of the fault says 64 KiB),
  /// the first INFO included (connection/connector.cc). OpenSSL reads as much at a time: `kReadBytes` in
  /// socket/tls_context.cc.
  static constexpr std::size_t kBufferBytes = 64 << 10;
  /// The largest message, headers included: the most that a server can be configured to accept.
  static constexpr std::size_t kMaxMessageBytes = 64 << 20;

  ProtocolParser() : buffer_(new char[kBufferBytes]) {}

  /// Where the next bytes belong, in this order; never empty.
  std::array<iovec, 2> Room();
  /// So many bytes were put into `Room`. Does nothing after a fault.
  void Arrived(std::size_t bytes, Receiver& receiver);

  /// The fault in the server's protocol; empty while there is none. The connection is useless then.
  std::string_view fault() const { return fault_; }

 private:
  enum class State {
    kLine,      ///< at the start of a line
    kBody,      ///< in the body of `message_`, `wanted_` bytes are missing
    kSkipping,  ///< `wanted_` bytes are to be skipped
    kFault,
  };

  std::size_t Step(std::string_view bytes, Receiver& receiver);
  std::size_t ReadLine(std::string_view bytes, Receiver& receiver);
  std::size_t ReadMessage(std::string_view line, std::string_view after, Receiver& receiver);
  std::size_t Fill(std::string_view bytes, Receiver& receiver);
  void FinishMessage(Receiver& receiver);
  std::size_t Fail(std::string_view fault);
  bool in_body() const { return state_ == State::kBody; }

  const std::unique_ptr<char[]> buffer_;
  std::size_t held_ = 0;  // bytes at the start of the buffer: the start of a line
  State state_ = State::kLine;
  std::size_t wanted_ = 0;
  std::uint64_t subscription_ = 0;  // of `message_`
  MessageHandle message_{};
  std::string_view fault_{};
};

}  // namespace penstock::eventbus::jetstream
