// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/protocol_parser.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "jetstream/message/parse_decimal.h"

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

// Removes the first word of `text` and the space after it; empty when there is none.
std::string_view TakeWord(std::string_view& text) {
  const std::size_t end = text.find(' ');
  if (end == std::string_view::npos) return {};
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end + 1);
  return word;
}

// Removes the first word, which must be a number.
bool TakeNumber(std::string_view& text, std::uint64_t& out) {
  const LeadingDecimal read = ParseLeadingDecimal(text);
  if (read.count == 0 || read.count > kMostDigits || read.count >= text.size() || text[read.count] != ' ') return false;
  out = read.value;
  text.remove_prefix(read.count + 1);
  return true;
}

// Removes the last word, which must be a number, and the space before it. One digit at a time: there are few.
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

std::optional<MessageLine> ParseMessageLine(std::string_view line) {
  const bool has_headers = line.front() == 'H';
  line.remove_prefix(has_headers ? kWithHeaders.size() : kWithout.size());
  MessageLine read;
  read.subject = TakeWord(line);
  const bool valid = !read.subject.empty() && TakeNumber(line, read.subscription) && TakeLastNumber(line, read.bytes) &&
                     (!has_headers || TakeLastNumber(line, read.header_bytes)) && line.find(' ') == line.npos &&
                     read.header_bytes <= read.bytes && read.bytes <= ProtocolParser::kMaxMessageBytes;
  read.reply = line;
  return valid ? std::optional(read) : std::nullopt;
}

}  // namespace

std::array<iovec, 2> ProtocolParser::Room() {
  const iovec buffer{buffer_.get() + held_, kBufferBytes - held_};
  if (!in_body()) return {buffer, iovec{nullptr, 0}};
  const std::span<char> missing = message_->room().last(wanted_);
  return {iovec{missing.data(), missing.size()}, buffer};
}

void ProtocolParser::Arrived(std::size_t bytes, Receiver& receiver) {
  if (in_body()) {
    const std::size_t placed = std::min(bytes, wanted_);
    wanted_ -= placed;
    bytes -= placed;
    if (wanted_ == 0) FinishMessage(receiver);
  }
  std::string_view left(buffer_.get(), held_ + bytes);
  while (!left.empty()) {
    const std::size_t read = Step(left, receiver);
    if (read == 0) break;
    left.remove_prefix(read);
  }
  held_ = state_ == State::kFault ? 0 : left.size();
  if (left.data() != buffer_.get()) std::memmove(buffer_.get(), left.data(), held_);
}

// Returns how many of the bytes it has consumed; 0 when it needs more of them.
std::size_t ProtocolParser::Step(std::string_view bytes, Receiver& receiver) {
  switch (state_) {
    case State::kLine:
      return ReadLine(bytes, receiver);
    case State::kBody:
      return Fill(bytes, receiver);
    case State::kSkipping: {
      const std::size_t skipped = std::min(bytes.size(), wanted_);
      wanted_ -= skipped;
      if (wanted_ == 0) state_ = State::kLine;
      return skipped;
    }
    case State::kFault:
      return bytes.size();
  }
  return 0;
}

std::size_t ProtocolParser::ReadLine(std::string_view bytes, Receiver& receiver) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return bytes.size() < kBufferBytes ? 0 : Fail("a line over 64 KiB");
  std::string_view line = bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(kWithout) || line.starts_with(kWithHeaders)) {
    const std::size_t body = ReadMessage(line, bytes.substr(end + 1), receiver);
    return end + 1 + body;
  }
  receiver.OnControlLine(line);
  return end + 1;
}

// Returns how many bytes after the line it has consumed.
std::size_t ProtocolParser::ReadMessage(std::string_view line, std::string_view after, Receiver& receiver) {
  const std::optional<MessageLine> read = ParseMessageLine(line);
  if (!read) {
    Fail("a message line that is none, or a message over 64 MiB");
    return after.size();
  }
  MessageSink* const sink = receiver.FindSink(read->subscription);
  if (sink == nullptr) {
    wanted_ = read->bytes + kLineEndBytes;
    state_ = State::kSkipping;
    return 0;
  }
  message_ = ReceivedMessage::Make(read->subject, read->reply, read->header_bytes, read->bytes - read->header_bytes);
  if (after.size() >= read->bytes + kLineEndBytes) {
    std::memcpy(message_->room().data(), after.data(), read->bytes);
    sink->OnMessage(std::move(message_));
    return read->bytes + kLineEndBytes;
  }
  subscription_ = read->subscription;
  wanted_ = read->bytes;
  state_ = State::kBody;
  return Fill(after, receiver);
}

std::size_t ProtocolParser::Fill(std::string_view bytes, Receiver& receiver) {
  const std::size_t placed = std::min(bytes.size(), wanted_);
  std::memcpy(message_->room().last(wanted_).data(), bytes.data(), placed);
  wanted_ -= placed;
  if (wanted_ == 0) FinishMessage(receiver);
  return placed;
}

// Its sink may have been removed meanwhile.
void ProtocolParser::FinishMessage(Receiver& receiver) {
  MessageHandle message = std::move(message_);
  if (MessageSink* const sink = receiver.FindSink(subscription_)) sink->OnMessage(std::move(message));
  state_ = State::kSkipping;
  wanted_ = kLineEndBytes;
}

std::size_t ProtocolParser::Fail(std::string_view fault) {
  state_ = State::kFault;
  fault_ = fault;
  return 0;
}

}  // namespace penstock::eventbus::jetstream
