// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/ack_subject.h"

#include <cstddef>

#include "jetstream/message/parse_decimal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kPrefix = "$JS.ACK.";
constexpr std::size_t kMostTokensAfter = 7;  // the numbers, in the longer form

/// Takes one token after the other. By hand, since each message is read so: with a list of tokens it cost more than
/// twice as much.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool Text(std::string_view& out) {
    out = rest_.substr(0, rest_.find('.'));
    Pass(out.size());
    return !out.empty();
  }

  bool Number(std::uint64_t least, std::uint64_t& out) {
    const LeadingDecimal read = ParseLeadingDecimal(rest_);
    out = read.value;
    const bool ends = read.count == rest_.size() || rest_[read.count] == '.';
    Pass(read.count);
    return ends && 0 < read.count && read.count <= kMostDigits && out >= least;
  }

  /// Whether the last token was the last, no dot after it.
  bool ended() const { return ended_; }

 private:
  void Pass(std::size_t size) {
    ended_ = size == rest_.size();
    rest_.remove_prefix(ended_ ? size : size + 1);
  }

  std::string_view rest_;
  bool ended_ = false;
};

bool ReadNumbers(Reader& reader, AckSubject& ack) {
  std::uint64_t nanoseconds = 0;
  const bool valid = reader.Number(1, ack.delivery_count) && reader.Number(1, ack.stream_sequence) &&
                     reader.Number(1, ack.consumer_sequence) && reader.Number(0, nanoseconds) &&
                     reader.Number(0, ack.pending);
  constexpr std::uint64_t kLatest = std::uint64_t{1} << 63;
  if (!valid || nanoseconds >= kLatest) return false;
  ack.stored_at = std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
      std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds))));
  return true;
}

bool ReadShort(Reader reader, AckSubject& ack) {
  return reader.Text(ack.stream) && reader.Text(ack.consumer) && ReadNumbers(reader, ack) && reader.ended();
}

bool ReadLong(Reader reader, AckSubject& ack) {
  std::string_view other;  // domain and account, then what follows the numbers
  if (!reader.Text(other) || !reader.Text(other) || !reader.Text(ack.stream) || !reader.Text(ack.consumer) ||
      !ReadNumbers(reader, ack)) {
    return false;
  }
  for (std::size_t more = 0; !reader.ended(); ++more) {
    if (more == kMostTokensAfter || !reader.Text(other)) return false;
  }
  return true;
}

}  // namespace

std::optional<AckSubject> ParseAckSubject(std::string_view subject) {
  if (!subject.starts_with(kPrefix)) return std::nullopt;
  const Reader reader(subject.substr(kPrefix.size()));
  AckSubject ack;
  if (ReadShort(reader, ack) || ReadLong(reader, ack)) return ack;
  return std::nullopt;
}

}  // namespace penstock::eventbus::jetstream
