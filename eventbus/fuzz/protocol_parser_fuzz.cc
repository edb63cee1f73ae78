// SPDX-License-Identifier: Apache-2.0
// The bytes of a server, in pieces: the first line of the input says where reads end, the rest is what they bring.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz_target.h"
#include "jetstream/protocol/protocol_parser.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

enum class Wanted { kEverySecond, kNone };

/// Reads a stream, and takes the messages of every second subscription.
class Connection final : public ProtocolParser::Receiver, public ProtocolParser::MessageSink {
 public:
  explicit Connection(Wanted wanted) : wanted_(wanted) {}

  ProtocolParser::MessageSink* FindSink(std::uint64_t subscription) override {
    return wanted_ == Wanted::kEverySecond && subscription % 2 == 0 ? this : nullptr;
  }

  void OnMessage(MessageHandle message) override {
    Require(!message->subject().empty(), "a message has a subject");
    Require(message->size_bytes() == message->raw_headers().size() + message->payload().size(),
            "a message is as large as its headers and its body");
    std::string& text = taken_.emplace_back();
    for (const std::string_view part :
         {message->subject(), message->reply(), message->raw_headers(), message->payload()}) {
      text.append(part).append("|");
    }
  }

  void OnControlLine(std::string_view line) override { lines_.emplace_back(line); }

  /// One read of up to `bytes` of `stream`, which they are taken off.
  void Read(std::string_view& stream, std::size_t bytes) {
    std::size_t placed = 0;
    for (const iovec& room : parser_.Room()) {
      const std::size_t count = std::min({room.iov_len, bytes - placed, stream.size()});
      if (count > 0) std::memcpy(room.iov_base, stream.data(), count);
      stream.remove_prefix(count);
      placed += count;
    }
    Require(placed > 0, "there is room for what comes");
    parser_.Arrived(placed, *this);
  }

  const std::vector<std::string>& taken() const { return taken_; }
  const std::vector<std::string>& lines() const { return lines_; }
  std::string_view fault() const { return parser_.fault(); }

 private:
  const Wanted wanted_;
  ProtocolParser parser_{};
  std::vector<std::string> taken_{};
  std::vector<std::string> lines_{};
};

void ReadInPieces(Connection& connection, std::string_view stream, std::string_view sizes) {
  for (std::size_t i = 0; !stream.empty(); ++i) {
    const char size = sizes.empty() ? '\0' : sizes[i % sizes.size()];
    connection.Read(stream, static_cast<unsigned char>(size) + std::size_t{1});
  }
}

void ReadWhole(Connection& connection, std::string_view stream) {
  while (!stream.empty()) connection.Read(stream, stream.size());
}

void CheckStream(std::string_view input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view sizes = input.substr(0, end);
  const std::string_view stream = input.substr(std::min(end + 1, input.size()));

  Connection whole(Wanted::kEverySecond), pieces(Wanted::kEverySecond), skipping(Wanted::kNone);
  ReadWhole(whole, stream);
  ReadInPieces(pieces, stream, sizes);
  Require(pieces.taken() == whole.taken(), "the same messages, wherever reads end");
  Require(pieces.lines() == whole.lines(), "the same lines, wherever reads end");
  Require(pieces.fault() == whole.fault(), "the same end, wherever reads end");

  ReadInPieces(skipping, stream, sizes);
  Require(skipping.taken().empty(), "what nobody wants is skipped");
  Require(skipping.lines() == whole.lines(), "the same lines, whoever wants messages");
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckStream(penstock::fuzz::TextOf(data, size));
  return 0;
}
