// SPDX-License-Identifier: Apache-2.0
// Two real processes, the programs of sdk/examples, exchange events through a real server; a raw client looks in and
// joins in.
#include <csignal>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "scenario.h"
#include "support/child_process.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

class TwoProcesses : public Scenario {
 protected:
  void SetUp() override { UseServer(); }

  std::map<std::string, std::string> Environment() const {
    return {{"PENSTOCK_URL", url()}, {"PENSTOCK_METRICS_PORT", "0"}, {"PENSTOCK_DRAIN_TIMEOUT_MS", "20000"}};
  }
  static std::unique_ptr<ChildProcess> Start(std::vector<std::string> command,
                                             std::map<std::string, std::string> environment) {
    auto process = ChildProcess::Spawn({.command = std::move(command), .environment = std::move(environment)});
    EXPECT_THAT(process, IsOk());
    return *std::move(process);
  }
  std::unique_ptr<ChildProcess> StartConsumer() const { return Start({PENSTOCK_EXAMPLE_CONSUMER}, Environment()); }
  std::unique_ptr<ChildProcess> StartPublisher(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), PENSTOCK_EXAMPLE_PUBLISHER);
    return Start(std::move(arguments), Environment());
  }
  /// Runs the publisher to its end; its exit code.
  std::optional<int> Publish(std::vector<std::string> arguments, std::string* output) const {
    const auto publisher = StartPublisher(std::move(arguments));
    const std::optional<int> code = publisher->Await();
    *output = publisher->output();
    return code;
  }

  /// The server's answer to a request of the JetStream API, asked without any client library.
  nlohmann::json Ask(const std::string& subject, const std::string& body = "") const {
    auto raw = RawNats::Connect(server_->port());
    if (!raw.ok()) return {};
    const auto reply = raw->Request("$JS.API." + subject, body);
    return reply.ok() ? nlohmann::json::parse(reply->body, nullptr, false) : nlohmann::json();
  }
  /// Waits until the consumer has acknowledged the stream's first `count` messages, or more.
  bool SettledAtLeast(std::uint64_t count) const {
    return Eventually(
        [&] {
          const auto info = Ask("CONSUMER.INFO.EVENTS_orders.consumer");
          return info.contains("ack_floor") && info["ack_floor"]["stream_seq"].get<std::uint64_t>() >= count;
        },
        kPatience, std::chrono::milliseconds(20));
  }
};

std::string Decoded(const nlohmann::json& base64) {
  std::string text;
  EXPECT_TRUE(absl::Base64Unescape(base64.get<std::string>(), &text));
  return text;
}

TEST_F(TwoProcesses, ExchangeTenThousandEventsAndTheConsumerDrainsOnSigterm) {
  const auto consumer = StartConsumer();
  std::string output;
  EXPECT_EQ(Publish({"--count", "10000", "--aggregates", "100"}, &output), 0);
  EXPECT_EQ(output, "published 10000 failed 0\n");
  ASSERT_TRUE(SettledAtLeast(10'000));
  consumer->Signal(SIGTERM);
  EXPECT_EQ(consumer->Await(), 0);
  EXPECT_EQ(consumer->output(), "{\"handled\":10000,\"order_violations\":0,\"duplicates\":0,\"aggregates\":100}\n");
}

TEST_F(TwoProcesses, SigtermInTheMiddleLosesNothingAndTheNextConsumerGoesOn) {
  auto consumer = StartConsumer();
  auto publisher = StartPublisher({"--count", "20000", "--rate", "10000"});
  ASSERT_TRUE(SettledAtLeast(2000));
  consumer->Signal(SIGTERM);
  ASSERT_EQ(consumer->Await(), 0);
  const auto before = nlohmann::json::parse(consumer->output(), nullptr, false);
  ASSERT_TRUE(before.contains("handled")) << consumer->output();
  EXPECT_EQ(before["order_violations"], 0);
  EXPECT_LT(before["handled"], 20'000);

  consumer = StartConsumer();
  ASSERT_EQ(publisher->Await(), 0);
  ASSERT_TRUE(SettledAtLeast(20'000));
  consumer->Signal(SIGTERM);
  ASSERT_EQ(consumer->Await(), 0);
  const auto after = nlohmann::json::parse(consumer->output(), nullptr, false);
  ASSERT_TRUE(after.contains("handled")) << consumer->output();
  EXPECT_EQ(before["handled"].get<int>() + after["handled"].get<int>(), 20'000);
  // To the second consumer each aggregate begins in the middle: one gap each, and none after it.
  EXPECT_EQ(after["order_violations"], after["aggregates"]);
}

TEST_F(TwoProcesses, ARawClientReadsTheStreamAndItsHeaders) {
  std::string output;
  ASSERT_EQ(Publish({"--count", "1", "--prefix", "o-"}, &output), 0);
  const auto message = Ask("STREAM.MSG.GET.EVENTS_orders", R"({"seq":1})")["message"];
  ASSERT_TRUE(message.contains("hdrs")) << message.dump();
  EXPECT_EQ(message["subject"], "orders");
  const std::string headers = Decoded(message["hdrs"]);
  EXPECT_THAT(headers, HasSubstr("\r\nPenstock-Aggregate-Id: o-0\r\n"));
  EXPECT_THAT(headers, HasSubstr("\r\nPenstock-Event-Type: OrderChanged\r\n"));
  EXPECT_THAT(headers, HasSubstr("\r\nContent-Type: application/x-protobuf\r\n"));
  EXPECT_THAT(headers, HasSubstr("\r\nNats-Msg-Id: "));
  const auto envelope = DecodeEnvelope(Decoded(message["data"]), "application/x-protobuf");
  ASSERT_THAT(envelope, IsOk());
  EXPECT_EQ(envelope->aggregate_id, "o-0");
  EXPECT_EQ(envelope->payload, "1");
}

TEST_F(TwoProcesses, EnvelopesOfThePredecessorPublishedByARawClientAreConsumed) {
  const auto consumer = StartConsumer();
  ASSERT_TRUE(SettledAtLeast(0));
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  for (int n = 1; n <= 3; ++n) {
    const std::string body =
        R"({"event_id":"018f-)" + std::to_string(n) +
        R"(","aggregate_id":"legacy:42","event_type":"OrderChanged","event_version":1,)"
        R"("timestamp":"2024-05-01T10:00:00.123456789+02:00","trace_id":"t","tenant_id":7,"payload":)" +
        std::to_string(n) + "}";
    ASSERT_THAT(raw->Publish("orders", body), IsOk());
  }
  ASSERT_THAT(raw->Ping(), IsOk());
  ASSERT_TRUE(SettledAtLeast(3));
  consumer->Signal(SIGINT);
  EXPECT_EQ(consumer->Await(), 0);
  EXPECT_EQ(consumer->output(), "{\"handled\":3,\"order_violations\":0,\"duplicates\":0,\"aggregates\":1}\n");
}

TEST_F(TwoProcesses, WrongConfigurationEndsAProcessWithItsName) {
  auto environment = Environment();
  environment["PENSTOCK_METRICS_PORT"] = "none";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Start({PENSTOCK_EXAMPLE_CONSUMER}, environment)->Await(), 2);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("PENSTOCK_METRICS_PORT"));
}

TEST_F(TwoProcesses, ANameThatNobodyServesEndsThePublisherWithAnError) {
  server_->Stop();
  std::string output;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Publish({"--count", "1"}, &output), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("UNAVAILABLE"));
}

}  // namespace
}  // namespace penstock::testing
