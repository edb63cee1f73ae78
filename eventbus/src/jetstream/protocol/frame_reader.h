// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "jetstream/protocol/received_message.h"

namespace penstock::eventbus::jetstream {

/// Takes what a NATS server sends apart: the messages of some subscriptions are handed on, everything else is passed on
/// byte for byte, for the library to read. What is no sensible frame is passed on too, with all that follows.
///
/// Bytes are put into `Room` and then announced by `Arrived`; a body that does not fit beside what was read before goes
/// directly to its message. Thread-compatible.
class FrameReader {
 public:
  /// Whom the messages of a subscription are handed to.
  class Taker {
   public:
    virtual void Take(MessageHandle message) = 0;

   protected:
    ~Taker() = default;
  };

  class Takers {
   public:
    /// Who takes the messages of a subscription; null: they are passed on.
    virtual Taker* FindTaker(std::uint64_t subscription) = 0;

   protected:
    ~Takers() = default;
  };

  /// What one read brings at most, beside the rest of a body.
  static constexpr std::size_t kBufferBytes = 64 << 10;
  /// Of a message: the most that a server can be told to let through.
  static constexpr std::size_t kMostBytes = 64 << 20;

  FrameReader() : buffer_(new char[kBufferBytes]) {}

  /// Where the next bytes belong, in this order; never without room.
  std::array<iovec, 2> Room();
  /// So many have been put there. What is to be passed on, valid until the next call.
  std::string_view Arrived(std::size_t bytes, Takers& takers);
  /// Whether something was no frame, so that nobody's messages are found any more.
  bool lost() const { return state_ == State::kPassAll; }

 private:
  enum class State {
    kFrames,    ///< at the begin of a frame
    kBody,      ///< in that of `message_`, of which `wanted_` bytes are missing
    kLineEnd,   ///< behind it: `wanted_` bytes are to be skipped
    kPassing,   ///< in something to pass on, of which `wanted_` bytes are missing
    kPassLine,  ///< likewise, up to the end of a line
    kPassAll,
  };

  std::size_t Step(std::string_view bytes, Takers& takers);
  std::size_t ReadFrame(std::string_view bytes, Takers& takers);
  std::size_t ReadMessage(std::string_view line, std::size_t line_bytes, std::string_view bytes, Takers& takers);
  std::size_t Fill(std::string_view bytes, Takers& takers);
  std::size_t PassOn(std::string_view bytes, State then);
  void HandOn(Takers& takers);
  bool in_body() const { return state_ == State::kBody; }

  const std::unique_ptr<char[]> buffer_;
  std::size_t held_ = 0;  // at the begin of the buffer: the begin of a frame
  State state_ = State::kFrames;
  std::size_t wanted_ = 0;
  std::uint64_t subscription_ = 0;  // whose `message_` is
  MessageHandle message_{};
  std::string passed_{};
};

}  // namespace penstock::eventbus::jetstream
