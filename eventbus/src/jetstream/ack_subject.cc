// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ack_subject.h"

#include <array>
#include <charconv>
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
  while (true) {
    const std::size_t end = text.find('.');
    const std::string_view token = text.substr(0, end);
    if (token.empty() || tokens.count == kMostTokens) return std::nullopt;
    tokens.values[tokens.count++] = token;
    if (end == std::string_view::npos) return tokens;
    text.remove_prefix(end + 1);
  }
}

bool ReadNumber(std::string_view text, std::uint64_t least, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= least;
}

}  // namespace

std::optional<AckSubject> ParseAckSubject(std::string_view subject) {
  if (subject.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  const std::optional<Tokens> tokens = Split(subject.substr(kPrefix.size()));
  if (!tokens || (tokens->count != kShortTokens && tokens->count < kLongTokens)) return std::nullopt;
  const std::string_view* field = tokens->values.data() + (tokens->count == kShortTokens ? 0 : 2);
  AckSubject ack;
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
