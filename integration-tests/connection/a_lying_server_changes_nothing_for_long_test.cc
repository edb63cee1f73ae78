// SPDX-License-Identifier: Apache-2.0
// Well-formed frames with contents that cannot be. Whatever they do while they last, it is over when they are.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "connection/memory.h"
#include "connection/relayed_server.h"
#include "support/relay/message_frame.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kMostGrowth = std::size_t{80} << 20;
constexpr int kEvents = 20;
constexpr std::size_t kDeep = 300'000;

using Change = std::function<std::string(MessageFrame)>;

/// A change of some frames; the others stay as they are.
struct Lie {
  std::string name{};
  FrameRewriter rewrite{};

  friend void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
};

FrameRewriter Where(std::function<bool(const MessageFrame&)> concerned, Change change) {
  return [concerned = std::move(concerned), change = std::move(change)](const std::string& frame) {
    std::optional<MessageFrame> message = ReadMessageFrame(frame);
    return message && concerned(*message) ? change(*std::move(message)) : frame;
  };
}

bool IsDelivery(const MessageFrame& message) { return absl::StartsWith(message.reply, "$JS.ACK."); }
bool IsPubAck(const MessageFrame& message) { return absl::StartsWith(message.body, "{\"stream\":"); }
bool IsConsumerInfo(const MessageFrame& message) {
  return absl::StartsWith(message.body, "{\"type\":\"io.nats.jetstream.api.v1.consumer_");
}
bool IsApiReply(const MessageFrame& message) { return absl::StartsWith(message.body, "{\"type\":"); }

Lie OfPubAcks(std::string name, std::string body) {
  return {.name = "PubAcks" + std::move(name),
          .rewrite = Where(IsPubAck, [body = std::move(body)](MessageFrame message) {
            message.body = body;
            return WriteMessageFrame(message);
          })};
}

Lie OfConsumers(std::string name, std::string body) {
  return {.name = "Consumers" + std::move(name),
          .rewrite = Where(IsConsumerInfo, [body = std::move(body)](MessageFrame message) {
            message.body = body;
            return WriteMessageFrame(message);
          })};
}

Lie OfReplies(std::string name, std::string body) {
  return {.name = "Replies" + std::move(name),
          .rewrite = Where(IsApiReply, [body = std::move(body)](MessageFrame message) {
            message.body = body;
            return WriteMessageFrame(message);
          })};
}

// `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>`, or with two tokens
// more in front of the stream; counted from the end.
Lie OfNumbers(std::string name, std::size_t from_the_end, std::string number) {
  return {.name = "Numbers" + std::move(name),
          .rewrite = Where(IsDelivery, [from_the_end, number = std::move(number)](MessageFrame message) {
            std::vector<std::string> tokens = absl::StrSplit(message.reply, '.');
            tokens[tokens.size() - from_the_end] = number;
            message.reply = absl::StrJoin(tokens, ".");
            return WriteMessageFrame(message);
          })};
}

Lie OfStatus(std::string name, std::string headers) {
  return {.name = "Status" + std::move(name),
          .rewrite = Where(IsDelivery, [headers = std::move(headers)](const MessageFrame& message) {
            const MessageFrame status{.subject = message.subject, .sid = message.sid, .headers = headers};
            return WriteMessageFrame(status) + WriteMessageFrame(message);
          })};
}

Lie OfHeaders(std::string name, std::string headers) {
  return {.name = "Headers" + std::move(name),
          .rewrite = Where(IsDelivery, [headers = std::move(headers)](MessageFrame message) {
            message.headers = headers;
            return WriteMessageFrame(message);
          })};
}

// A new INFO in front of every frame.
Lie OfInfo(std::string name, std::string fields) {
  return {.name = "Info" + std::move(name), .rewrite = [fields = std::move(fields)](const std::string& frame) {
            if (absl::StartsWith(frame, "INFO {")) return absl::StrCat("INFO {", fields, ",", frame.substr(6));
            return absl::StrCat("INFO {\"server_id\":\"x\",", fields, "}\r\n", frame);
          }};
}

std::string ForeignServers() {
  std::vector<std::string> urls = {"", "[", "a b", "host:99999999", "127.0.0.1:-1", "nats://", "@", ":", "[::1]:0"};
  for (int i = 0; i < 10'000; ++i) urls.push_back(absl::StrCat("no-such-host-", i, ".invalid:4222"));
  return absl::StrCat("\"connect_urls\":[\"", absl::StrJoin(urls, "\",\""), "\"]");
}

std::vector<Lie> Lies() {
  const std::string deep(kDeep, '[');
  std::string deep_objects;
  for (std::size_t i = 0; i < kDeep / 5; ++i) deep_objects += "{\"a\":";
  return {
      OfPubAcks("AreDeep", deep),
      OfPubAcks("AreEmpty", ""),
      OfPubAcks("HaveANegativeSequence", R"({"stream":"EVENTS_orders","seq":-1})"),
      OfPubAcks("HaveSequenceZero", R"({"stream":"EVENTS_orders","seq":0})"),
      OfPubAcks("HaveASequenceOfManyDigits", R"({"stream":"EVENTS_orders","seq":1e400})"),
      OfPubAcks("HaveAStreamThatIsNoText", R"({"stream":7,"seq":1})"),
      OfPubAcks("AreNoObject", R"(["stream"])"),
      OfConsumers("AreDeep", deep),
      OfConsumers("AreDeepAndWhole", deep + std::string(kDeep, ']')),
      OfConsumers("HaveADeepConfiguration", "{\"config\":" + deep + std::string(kDeep, ']') + "}"),
      OfReplies("AreDeep", deep),
      OfReplies("AreDeepObjects", deep_objects),
      OfReplies("AreEmpty", ""),
      OfReplies("AreNull", "null"),
      OfReplies("AreOfOtherTypes", R"({"config":[],"state":7,"delivered":"x","ack_floor":null,"num_pending":"many"})"),
      OfReplies("HaveHugeNumbers",
                R"({"config":{},"delivered":{"stream_seq":18446744073709551615,"consumer_seq":1e300}})"),
      OfReplies("HaveAnErrorThatIsNone", R"({"error":{"code":"x","err_code":-1e99,"description":5}})"),
      OfNumbers("BeyondTheStream", 4, "18446744073709551615"),
      OfNumbers("FarBeyondTheStream", 4, "1000000000000"),
      OfNumbers("OfSequenceZero", 4, "0"),
      OfNumbers("OfANegativeSequence", 4, "-1"),
      OfNumbers("OfAConsumerSequenceBeyond", 3, "18446744073709551615"),
      OfNumbers("OfDeliveriesWithoutEnd", 5, "18446744073709551615"),
      OfNumbers("OfPendingWithoutEnd", 1, "99999999999999999999999"),
      OfNumbers("ThatAreWords", 4, "seven"),
      OfStatus("Unknown", "NATS/1.0 999 Whatever\r\n\r\n"),
      OfStatus("WithoutANumber", "NATS/1.0 Hello\r\n\r\n"),
      OfStatus("ConsumerDeleted", "NATS/1.0 409 Consumer Deleted\r\n\r\n"),
      OfStatus("NoResponders", "NATS/1.0 503\r\n\r\n"),
      OfStatus("HeartbeatOfWords",
               "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: x\r\nNats-Last-Stream: -1\r\n\r\n"),
      OfStatus("HeartbeatFromTheFuture",
               "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 18446744073709551615\r\n"
               "Nats-Last-Stream: 18446744073709551615\r\n\r\n"),
      OfStatus("FlowControlToNowhere", "NATS/1.0 100 FlowControl Request\r\nNats-Consumer-Stalled: > *\r\n\r\n"),
      OfHeaders("ThatAreNone", "NATS/1.0\r\nno colon here\r\n: \r\n\r\n"),
      OfHeaders("WithoutAnEnd", "NATS/1.0\r\nA: b"),
      OfInfo("NoPayload", "\"max_payload\":0"),
      OfInfo("NegativePayload", "\"max_payload\":-1"),
      OfInfo("EndlessPayload", "\"max_payload\":9223372036854775807"),
      OfInfo("PayloadOfOneByte", "\"max_payload\":1"),
      OfInfo("OtherTypes", R"("max_payload":"x","connect_urls":7,"ldm":"yes","tls_required":[])"),
      OfInfo("ForeignServers", ForeignServers()),
      OfInfo("LameDuckForEver", "\"ldm\":true")};
}

class WordsOfALyingServer : public RelayedServer, public ::testing::WithParamInterface<std::tuple<Wire, Lie>> {
 protected:
  void SetUp() override {
    RelayedServer::SetUp();
    std::tie(wire_, lie_) = GetParam();
  }
  absl::Status Subscribe(EventBus& bus) {
    return bus
        .SubscribeEnvelope("orders",
                           [this](const Envelope& event, const Delivery&) {
                             const std::lock_guard<std::mutex> lock(mutex_);
                             handled_.insert(event.payload);
                             return Ack();
                           })
        .status();
  }
  bool Handled(const std::string& payload) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return handled_.contains(payload);
  }

  bool AllAckedAreHandled() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::ranges::includes(handled_, acked_);
  }

  Wire wire_ = Wire::kPlain;
  Lie lie_{};
  std::atomic<int> lies_told_ = 0;
  std::mutex mutex_;
  std::set<std::string> handled_{};
  std::set<std::string> acked_{};
};

TEST_P(WordsOfALyingServer, HaveNoPowerOverWhatComesAfter) {
  RunIsolated(seconds(110), [&] {
    const auto relay = Relay(wire_);
    BusOptions options = Options(relay->url());
    options.publish_timeout = seconds(1);
    const auto bus = Connect(std::move(options));
    ASSERT_NE(bus, nullptr);
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("before")), IsOk());
    MemoryGrowth growth;
    relay->Rewrite([this](const std::string& frame) {
      std::string told = lie_.rewrite(frame);
      if (told != frame) ++lies_told_;
      return told;
    });
    NoteCall("SubscribeEnvelope under lies");
    absl::Status subscribed = Subscribe(*bus);
    for (int i = 0; i < kEvents; ++i) {
      const std::string payload = absl::StrCat("during ", i);
      const auto done = [this, payload](const absl::StatusOr<PubAck>& ack) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (ack.ok()) acked_.insert(payload);
      };
      bus->PublishEnvelopeAsync("orders", Event(payload), done).IgnoreError();
    }
    Within(milliseconds(1500), "PublishEnvelope under lies", [&] {
      return bus->PublishEnvelope("orders", Event("during")).status();
    }).IgnoreError();
    EXPECT_TRUE(Eventually([&] { return lies_told_ > 0; }, kPatience)) << "no lie was told";
    relay->Rewrite(nullptr);
    relay->Say("INFO " + RawNats::Connect(server_->port())->info() + "\r\n");
    NoteCall("going on after the lies");
    if (!subscribed.ok()) {
      EXPECT_TRUE(Eventually([&] { return Subscribe(*bus).ok(); }, kPatience)) << subscribed;
    }
    EXPECT_TRUE(Eventually([&] { return bus->PublishEnvelope("orders", Event("after")).ok(); }, kPatience));
    EXPECT_TRUE(Eventually([&] { return Handled("after"); }, kPatience)) << "what was published since is not delivered";
    EXPECT_TRUE(Eventually([&] { return AllAckedAreHandled(); }, kPatience)) << "what was published before is lost";
    if (kMemoryIsOurs) {
      EXPECT_LE(growth.Most(), kMostGrowth);
    }
  });
}

class NumbersThatNeverMakeSense : public RelayedServer {};

// Eight synchronisations at once would take a few milliseconds each.
TEST_F(NumbersThatNeverMakeSense, AreAskedForAgainAfterABackOff) {
  RunIsolated(seconds(60), [&] {
    const auto relay = Relay(Wire::kPlain);
    const auto bus = Connect(Options(relay->url()));
    ASSERT_NE(bus, nullptr);
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("event")), IsOk());
    relay->Rewrite(OfNumbers("OfSequenceZero", 4, "0").rewrite);
    std::atomic<bool> handled = false;
    const auto id = bus->SubscribeEnvelope("orders", [&](const Envelope&, const Delivery&) {
      handled = true;
      return Ack();
    });
    ASSERT_THAT(id, IsOk());
    const auto began = std::chrono::steady_clock::now();
    const auto synchronised = [&] { return bus->Stats().subscriptions.at(0).resubscribes; };
    ASSERT_TRUE(Eventually([&] { return synchronised() >= 8; }, kPatience)) << synchronised();
    EXPECT_GE(std::chrono::steady_clock::now() - began, seconds(1));
    EXPECT_FALSE(handled);
    relay->Rewrite(nullptr);
    EXPECT_TRUE(Eventually([&] { return handled.load(); }, kPatience));
  });
}

INSTANTIATE_TEST_SUITE_P(Whose, WordsOfALyingServer,
                         ::testing::Combine(::testing::Values(Wire::kPlain), ::testing::ValuesIn(Lies())),
                         [](const auto& both) { return std::get<1>(both.param).name; });

}  // namespace
}  // namespace penstock::testing
