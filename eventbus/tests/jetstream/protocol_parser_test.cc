// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/protocol_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

/// The sink of subscriptions 1 and 2; notes what comes as text.
class Notes final : public ProtocolParser::Receiver, public ProtocolParser::MessageSink {
 public:
  ProtocolParser::MessageSink* FindSink(std::uint64_t subscription) override {
    return takes && (subscription == 1 || subscription == 2) ? this : nullptr;
  }
  void OnMessage(MessageHandle message) override {
    taken.push_back(std::string(message->subject()) + "|" + std::string(message->reply()) + "|" +
                    std::string(message->raw_headers()) + "|" + std::string(message->payload()));
  }

  void OnControlLine(std::string_view line) override { lines.emplace_back(line); }

  bool takes = true;
  std::vector<std::string> taken{};
  std::vector<std::string> lines{};
};

/// Puts bytes where the parser wants them, as one read would; returns how many that took.
std::size_t ReadOnce(ProtocolParser& parser, std::string_view bytes, Notes& notes) {
  std::size_t placed = 0;
  for (const iovec& room : parser.Room()) {
    const std::size_t count = std::min(room.iov_len, bytes.size() - placed);
    if (count > 0) std::memcpy(room.iov_base, bytes.data() + placed, count);
    placed += count;
  }
  parser.Arrived(placed, notes);
  return placed;
}

void ReadAll(ProtocolParser& parser, std::string_view bytes, Notes& notes) {
  while (!bytes.empty()) bytes.remove_prefix(ReadOnce(parser, bytes, notes));
}

const std::string kSent =
    "INFO {\"x\":1}\r\n"
    "MSG orders 1 5\r\nhello\r\n"
    "PING\r\n"
    "MSG orders 2 $JS.ACK.S.c.1.2.3.4.5 0\r\n\r\n"
    "MSG other 3 reply 8\r\nMSG a 1 \r\n"
    "HMSG orders 1 $JS.ACK.S.c.1.3.4.4.5 18 22\r\nNATS/1.0\r\na: b\r\n\r\nbody\r\n"
    "HMSG beat 2 31 31\r\nNATS/1.0 100 Idle Heartbeat\r\n\r\n\r\n"
    "HMSG other 4 12 14\r\nNATS/1.0\r\n\r\nxy\r\n"
    "-ERR 'x'\r\n"
    "PONG\r\n";
const std::vector<std::string> kTaken = {"orders|||hello", "orders|$JS.ACK.S.c.1.2.3.4.5||",
                                         "orders|$JS.ACK.S.c.1.3.4.4.5|NATS/1.0\r\na: b\r\n\r\n|body",
                                         "beat||NATS/1.0 100 Idle Heartbeat\r\n\r\n|"};
const std::vector<std::string> kLines = {"INFO {\"x\":1}", "PING", "-ERR 'x'", "PONG"};

TEST(ProtocolParserTest, HandsMessagesToTheirSinksAndLinesToTheReceiver) {
  ProtocolParser parser;
  Notes notes;
  EXPECT_EQ(ReadOnce(parser, kSent, notes), kSent.size());
  EXPECT_EQ(notes.lines, kLines);
  EXPECT_EQ(notes.taken, kTaken);
  EXPECT_EQ(parser.fault(), "");
}

TEST(ProtocolParserTest, DoesNotCareWhereReadsEnd) {
  for (std::size_t first = 1; first < kSent.size(); ++first) {
    ProtocolParser parser;
    Notes notes;
    ReadAll(parser, kSent.substr(0, first), notes);
    ReadAll(parser, kSent.substr(first), notes);
    EXPECT_EQ(notes.lines, kLines) << first;
    EXPECT_EQ(notes.taken, kTaken) << first;
  }
  ProtocolParser parser;
  Notes notes;
  for (const char each : kSent) ReadAll(parser, {&each, 1}, notes);
  EXPECT_EQ(notes.lines, kLines);
  EXPECT_EQ(notes.taken, kTaken);
}

TEST(ProtocolParserTest, TakesBodiesLargerThanItsBuffer) {
  std::string body(3 * ProtocolParser::kBufferBytes + 17, 'x');
  for (std::size_t i = 0; i < body.size(); i += 100) body[i] = static_cast<char>('a' + i / 100 % 26);
  const std::string size = std::to_string(body.size());
  const std::string large = "MSG orders 1 " + size + "\r\n" + body + "\r\n";
  const std::string skipped = "MSG other 3 " + size + "\r\n" + body + "\r\n";
  ProtocolParser parser;
  Notes notes;
  ReadAll(parser, kSent + large + skipped + large + kSent, notes);
  EXPECT_EQ(notes.lines.size(), 2 * kLines.size());
  ASSERT_EQ(notes.taken.size(), 2 * kTaken.size() + 2);
  EXPECT_EQ(notes.taken[kTaken.size()], "orders|||" + body);
  EXPECT_EQ(notes.taken[kTaken.size() + 1], "orders|||" + body);
}

TEST(ProtocolParserTest, TellsAFaultAndReadsNothingAfterIt) {
  const std::vector<std::string> broken = {
      "MSG \r\n",
      "MSG orders\r\n",
      "MSG orders 1\r\n",
      "MSG orders x 5\r\nhello\r\n",
      "MSG orders 1 reply extra 5\r\nhello\r\n",
      "MSG orders 1 -5\r\nhello\r\n",
      "MSG orders 1 5x\r\nhello\r\n",
      "MSG  orders 1 5\r\nhello\r\n",
      "MSG orders  1 5\r\nhello\r\n",
      "MSG orders 1 18446744073709551617\r\nx\r\n",
      "MSG orders 1 67108865\r\nx\r\n",
      "HMSG orders 1 5\r\nhello\r\n",
      "HMSG orders 1 6 5\r\nhello\r\n",
      "HMSG orders 1 a b c 5\r\nhello\r\n",
      "HMSG orders 1 reply 6 5\r\nhello\r\n",
      "INFO {" + std::string(2 * ProtocolParser::kBufferBytes, ' '),
      "MSG orders 1 " + std::string(2 * ProtocolParser::kBufferBytes, '1'),
  };
  for (const std::string& each : broken) {
    ProtocolParser parser;
    Notes notes;
    for (const std::string_view part : {std::string_view(kSent), std::string_view(each), std::string_view(kSent)}) {
      ReadAll(parser, part, notes);
    }
    EXPECT_EQ(notes.lines, kLines) << each.substr(0, 100);
    EXPECT_EQ(notes.taken, kTaken) << each.substr(0, 100);
    EXPECT_NE(parser.fault(), "") << each.substr(0, 100);
  }
}

TEST(ProtocolParserTest, DropsAMessageWhoseSinkLeavesWhileItComes) {
  ProtocolParser parser;
  Notes notes;
  ReadAll(parser, "MSG orders 1 5\r\nhel", notes);
  notes.takes = false;
  ReadAll(parser, "lo\r\nPING\r\n", notes);
  notes.takes = true;
  ReadAll(parser, kSent, notes);
  EXPECT_EQ(notes.lines.size(), 1 + kLines.size());
  EXPECT_EQ(notes.taken, kTaken);
}

TEST(ProtocolParserTest, SurvivesWhateverComesInWhateverPieces) {
  std::mt19937 random(8);
  for (int round = 0; round < 2000; ++round) {
    std::string sent = kSent + kSent;
    for (int flip = 0; flip < 3; ++flip) sent[random() % sent.size()] = static_cast<char>(random());
    ProtocolParser whole;
    Notes at_once;
    ReadAll(whole, sent, at_once);
    EXPECT_LE(at_once.taken.size(), 2 * kTaken.size());
    ProtocolParser parser;
    Notes in_pieces;
    for (std::string_view left = sent; !left.empty();) {
      const std::string_view next = left.substr(0, 1 + random() % 60);
      ReadAll(parser, next, in_pieces);
      left.remove_prefix(next.size());
    }
    EXPECT_EQ(in_pieces.taken, at_once.taken) << sent;
    EXPECT_EQ(in_pieces.lines, at_once.lines) << sent;
    EXPECT_EQ(parser.fault(), whole.fault()) << sent;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
