// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/frame_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

/// Takes subscriptions 1 and 2, and notes what comes as text.
class Notes final : public FrameReader::Takers, public FrameReader::Taker {
 public:
  FrameReader::Taker* FindTaker(std::uint64_t subscription) override {
    return takes && (subscription == 1 || subscription == 2) ? this : nullptr;
  }
  void Take(MessageHandle message) override {
    taken.push_back(std::string(message->subject()) + "|" + std::string(message->reply()) + "|" +
                    std::string(message->raw_headers()) + "|" + std::string(message->payload()));
  }

  bool takes = true;
  std::vector<std::string> taken{};
  std::string passed{};
};

/// Puts bytes where the reader wants them, as one read would; returns how many that took.
std::size_t ReadOnce(FrameReader& reader, std::string_view bytes, Notes& notes) {
  std::size_t placed = 0;
  for (const iovec& room : reader.Room()) {
    const std::size_t count = std::min(room.iov_len, bytes.size() - placed);
    if (count > 0) std::memcpy(room.iov_base, bytes.data() + placed, count);
    placed += count;
  }
  notes.passed += reader.Arrived(placed, notes);
  return placed;
}

void ReadAll(FrameReader& reader, std::string_view bytes, Notes& notes) {
  while (!bytes.empty()) bytes.remove_prefix(ReadOnce(reader, bytes, notes));
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
const std::string kPassed =
    "INFO {\"x\":1}\r\nPING\r\nMSG other 3 reply 8\r\nMSG a 1 \r\nHMSG other 4 12 14\r\nNATS/1.0\r\n\r\nxy\r\n-ERR "
    "'x'\r\nPONG\r\n";

TEST(FrameReaderTest, HandsMessagesToTheirTakersAndPassesTheRestOn) {
  FrameReader reader;
  Notes notes;
  EXPECT_EQ(ReadOnce(reader, kSent, notes), kSent.size());
  EXPECT_EQ(notes.passed, kPassed);
  EXPECT_EQ(notes.taken, kTaken);
  EXPECT_FALSE(reader.lost());
}

TEST(FrameReaderTest, DoesNotCareWhereReadsEnd) {
  for (std::size_t first = 1; first < kSent.size(); ++first) {
    FrameReader reader;
    Notes notes;
    ReadAll(reader, kSent.substr(0, first), notes);
    ReadAll(reader, kSent.substr(first), notes);
    EXPECT_EQ(notes.passed, kPassed) << first;
    EXPECT_EQ(notes.taken, kTaken) << first;
  }
  FrameReader reader;
  Notes notes;
  for (const char each : kSent) ReadAll(reader, {&each, 1}, notes);
  EXPECT_EQ(notes.passed, kPassed);
  EXPECT_EQ(notes.taken, kTaken);
}

TEST(FrameReaderTest, TakesBodiesLargerThanItsBuffer) {
  std::string body(3 * FrameReader::kBufferBytes + 17, 'x');
  for (std::size_t i = 0; i < body.size(); i += 100) body[i] = static_cast<char>('a' + i / 100 % 26);
  const std::string size = std::to_string(body.size());
  const std::string large = "MSG orders 1 " + size + "\r\n" + body + "\r\n";
  const std::string passed = "MSG other 3 " + size + "\r\n" + body + "\r\n";
  FrameReader reader;
  Notes notes;
  ReadAll(reader, kSent + large + passed + large + kSent, notes);
  EXPECT_EQ(notes.passed, kPassed + passed + kPassed);
  ASSERT_EQ(notes.taken.size(), 2 * kTaken.size() + 2);
  EXPECT_EQ(notes.taken[kTaken.size()], "orders|||" + body);
  EXPECT_EQ(notes.taken[kTaken.size() + 1], "orders|||" + body);
}

TEST(FrameReaderTest, PassesOnALineLongerThanItsBuffer) {
  const std::string information = "INFO {" + std::string(2 * FrameReader::kBufferBytes, ' ') + "}\r\n";
  FrameReader reader;
  Notes notes;
  ReadAll(reader, information + kSent, notes);
  EXPECT_EQ(notes.passed, information + kPassed);
  EXPECT_EQ(notes.taken, kTaken);
}

TEST(FrameReaderTest, PassesOnWhatIsNoFrameAndAllThatFollows) {
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
      "MSG orders 1 " + std::string(2 * FrameReader::kBufferBytes, '1'),
  };
  for (const std::string& each : broken) {
    FrameReader reader;
    Notes notes;
    for (const std::string_view part : {std::string_view(kSent), std::string_view(each), std::string_view(kSent)}) {
      ReadAll(reader, part, notes);
    }
    EXPECT_EQ(notes.passed, absl::StrCat(kPassed, each, kSent)) << each.substr(0, 100);
    EXPECT_EQ(notes.taken, kTaken) << each.substr(0, 100);
    EXPECT_TRUE(reader.lost()) << each.substr(0, 100);
  }
}

TEST(FrameReaderTest, DropsAMessageWhoseTakerLeavesWhileItComes) {
  FrameReader reader;
  Notes notes;
  ReadAll(reader, "MSG orders 1 5\r\nhel", notes);
  notes.takes = false;
  ReadAll(reader, "lo\r\nPING\r\n", notes);
  notes.takes = true;
  ReadAll(reader, kSent, notes);
  EXPECT_EQ(notes.passed, "PING\r\n" + kPassed);
  EXPECT_EQ(notes.taken, kTaken);
}

TEST(FrameReaderTest, LosesNoByteOfWhatNobodyTakesWhateverItIs) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string sent = kSent;
    for (int flip = 0; flip < 3; ++flip) sent[random() % sent.size()] = static_cast<char>(random());
    FrameReader reader;
    Notes notes;
    notes.takes = false;
    for (std::string_view left = sent; !left.empty();) {
      const std::string_view next = left.substr(0, 1 + random() % 60);
      ReadAll(reader, next, notes);
      left.remove_prefix(next.size());
    }
    // A line that has not ended yet may be kept.
    EXPECT_TRUE(sent.starts_with(notes.passed)) << sent;
    EXPECT_EQ(sent.find('\n', notes.passed.size()), std::string::npos) << sent;
  }
}

TEST(FrameReaderTest, SurvivesWhateverItTakes) {
  std::mt19937 random(8);
  for (int round = 0; round < 2000; ++round) {
    std::string sent = kSent + kSent;
    for (int flip = 0; flip < 3; ++flip) sent[random() % sent.size()] = static_cast<char>(random());
    FrameReader reader;
    Notes notes;
    ReadAll(reader, sent, notes);
    EXPECT_LE(notes.taken.size(), 2 * kTaken.size());
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
