// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ack_subject.h"

#include <array>
#include <cstddef>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kPrefix = "$JS.ACK.";
constexpr std::size_t kShortTokens = 7;  // after the prefix
constexpr std::size_t kLongTokens = 9;
constexpr std::size_t kMostTokens = 16;

struct Tokens {
  std::array<std::string_view, kMostTokens> values{};
  std::size_t count = 0;
};

std::optional<Tokens> Split(std::string_view text) {
  Tokens tokens;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '.') continue;
    if (i == begin || tokens.count == kMostTokens) return std::nullopt;
    tokens.values[tokens.count++] = text.substr(begin, i - begin);
    begin = i + 1;
  }
  return tokens;
}

// By hand, since five of each message are read here: with `std::from_chars` it was half of what the subject cost.
bool ReadNumber(std::string_view text, std::uint64_t least, std::uint64_t& out) {
  constexpr std::size_t kMostDigits = 19;  // which cannot overflow
  if (text.size() > kMostDigits) return false;
  out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return out >= least;
}

}  // namespace

std::optional<AckSubject> ParseAckSubject(std::string_view subject) {
  if (subject.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  const std::optional<Tokens> tokens = Split(subject.substr(kPrefix.size()));
  if (!tokens || (tokens->count != kShortTokens && tokens->count < kLongTokens)) return std::nullopt;
  const std::string_view* field = tokens->values.data() + (tokens->count == kShortTokens ? 0 : 2);
  AckSubject ack;
  ack.text = subject;
  ack.stream = field[0];
  ack.consumer = field[1];
  std::uint64_t nanoseconds = 0;
  const bool valid = ReadNumber(field[2], 1, ack.delivery_count) && ReadNumber(field[3], 1, ack.stream_sequence) &&
                     ReadNumber(field[4], 1, ack.consumer_sequence) && ReadNumber(field[5], 0, nanoseconds) &&
                     ReadNumber(field[6], 0, ack.pending);
  constexpr std::uint64_t kLatest = std::uint64_t{1} << 63;
  if (!valid || nanoseconds >= kLatest) return std::nullopt;
  ack.stored_at = std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds))));
  return ack;
}

}  // namespace penstock::eventbus::jetstream
