// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "jetstream/protocol/digits.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kLineEndBytes = 2;
constexpr std::string_view kWithout = "MSG ";
constexpr std::string_view kWithHeaders = "HMSG ";

/// `MSG <subject> <subscription> [reply] <size>`, or `HMSG` with the size of the headers before that of both.
struct MessageLine {
  std::string_view subject{}, reply{};
  std::uint64_t subscription = 0, header_bytes = 0, bytes = 0;
};

// Takes the first word off `text`, and the space behind it; empty when there is none.
std::string_view TakeWord(std::string_view& text) {
  const std::size_t end = text.find(' ');
  if (end == std::string_view::npos) return {};
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end + 1);
  return word;
}

// Takes the first word, which must be a number.
bool TakeNumber(std::string_view& text, std::uint64_t& out) {
  const Digits read = ReadDigits(text);
  if (read.count == 0 || read.count > kMostDigits || read.count >= text.size() || text[read.count] != ' ') return false;
  out = read.value;
  text.remove_prefix(read.count + 1);
  return true;
}

// Takes the last word, which must be a number, and the space before it. Digit by digit: they are few.
bool TakeLastNumber(std::string_view& text, std::uint64_t& out) {
  out = 0;
  std::size_t count = 0;
  for (std::uint64_t power = 1; count < std::min(text.size(), kMostDigits); ++count, power *= 10) {
    const unsigned digit = static_cast<unsigned char>(text[text.size() - count - 1]) - unsigned{'0'};
    if (digit > 9) break;
    out += digit * power;
  }
  if (count == 0) return false;
  text.remove_suffix(count);
  if (text.empty()) return true;
  if (text.back() != ' ') return false;
  text.remove_suffix(1);
  return true;
}

std::optional<MessageLine> ReadLine(std::string_view line) {
  const bool has_headers = line.front() == 'H';
  line.remove_prefix(has_headers ? kWithHeaders.size() : kWithout.size());
  MessageLine read;
  read.subject = TakeWord(line);
  const bool valid = !read.subject.empty() && TakeNumber(line, read.subscription) && TakeLastNumber(line, read.bytes) &&
                     (!has_headers || TakeLastNumber(line, read.header_bytes)) && line.find(' ') == line.npos &&
                     read.header_bytes <= read.bytes && read.bytes <= FrameReader::kMostBytes;
  read.reply = line;
  return valid ? std::optional(read) : std::nullopt;
}

}  // namespace

std::array<iovec, 2> FrameReader::Room() {
  const iovec buffer{buffer_.get() + held_, kBufferBytes - held_};
  if (!in_body()) return {buffer, iovec{nullptr, 0}};
  const std::span<char> missing = message_->room().last(wanted_);
  return {iovec{missing.data(), missing.size()}, buffer};
}

std::string_view FrameReader::Arrived(std::size_t bytes, Takers& takers) {
  passed_.clear();
  if (in_body()) {
    const std::size_t placed = std::min(bytes, wanted_);
    wanted_ -= placed;
    bytes -= placed;
    if (wanted_ == 0) HandOn(takers);
  }
  std::string_view left(buffer_.get(), held_ + bytes);
  while (!left.empty()) {
    const std::size_t read = Step(left, takers);
    if (read == 0) break;
    left.remove_prefix(read);
  }
  held_ = left.size();
  if (left.data() != buffer_.get()) std::memmove(buffer_.get(), left.data(), held_);
  return passed_;
}

// How many bytes of them it has used; none: more are needed.
std::size_t FrameReader::Step(std::string_view bytes, Takers& takers) {
  switch (state_) {
    case State::kFrames:
      return ReadFrame(bytes, takers);
    case State::kBody:
      return Fill(bytes, takers);
    case State::kLineEnd: {
      const std::size_t skipped = std::min(bytes.size(), wanted_);
      wanted_ -= skipped;
      if (wanted_ == 0) state_ = State::kFrames;
      return skipped;
    }
    case State::kPassing: {
      const std::size_t passed = std::min(bytes.size(), wanted_);
      wanted_ -= passed;
      return PassOn(bytes.substr(0, passed), wanted_ == 0 ? State::kFrames : State::kPassing);
    }
    case State::kPassLine: {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) return PassOn(bytes, State::kPassLine);
      return PassOn(bytes.substr(0, end + 1), State::kFrames);
    }
    case State::kPassAll:
      return PassOn(bytes, State::kPassAll);
  }
  return 0;
}

std::size_t FrameReader::ReadFrame(std::string_view bytes, Takers& takers) {
  const std::size_t end = bytes.find('\n');
  const bool is_message = bytes.starts_with(kWithout) || bytes.starts_with(kWithHeaders);
  if (end == std::string_view::npos) {
    if (bytes.size() < kBufferBytes) return 0;
    return PassOn(bytes, is_message ? State::kPassAll : State::kPassLine);
  }
  const std::size_t line_bytes = end + 1;
  if (!is_message) return PassOn(bytes.substr(0, line_bytes), State::kFrames);
  std::string_view line = bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return ReadMessage(line, line_bytes, bytes, takers);
}

std::size_t FrameReader::ReadMessage(std::string_view line, std::size_t line_bytes, std::string_view bytes,
                                     Takers& takers) {
  const std::optional<MessageLine> read = ReadLine(line);
  if (!read) return PassOn(bytes, State::kPassAll);
  Taker* const taker = takers.FindTaker(read->subscription);
  if (taker == nullptr) {
    wanted_ = read->bytes + kLineEndBytes;
    return PassOn(bytes.substr(0, line_bytes), State::kPassing);
  }
  message_ = ReceivedMessage::Make(read->subject, read->reply, read->header_bytes, read->bytes - read->header_bytes);
  const std::string_view body = bytes.substr(line_bytes);
  if (body.size() >= read->bytes + kLineEndBytes) {
    std::memcpy(message_->room().data(), body.data(), read->bytes);
    taker->Take(std::move(message_));
    return line_bytes + read->bytes + kLineEndBytes;
  }
  subscription_ = read->subscription;
  wanted_ = read->bytes;
  state_ = State::kBody;
  return line_bytes + Fill(body, takers);
}

std::size_t FrameReader::Fill(std::string_view bytes, Takers& takers) {
  const std::size_t placed = std::min(bytes.size(), wanted_);
  std::memcpy(message_->room().last(wanted_).data(), bytes.data(), placed);
  wanted_ -= placed;
  if (wanted_ == 0) HandOn(takers);
  return placed;
}

// Whoever it was for may have left meanwhile.
void FrameReader::HandOn(Takers& takers) {
  MessageHandle message = std::move(message_);
  if (Taker* const taker = takers.FindTaker(subscription_)) taker->Take(std::move(message));
  state_ = State::kLineEnd;
  wanted_ = kLineEndBytes;
}

std::size_t FrameReader::PassOn(std::string_view bytes, State then) {
  passed_ += bytes;
  state_ = then;
  return bytes.size();
}

}  // namespace penstock::eventbus::jetstream
