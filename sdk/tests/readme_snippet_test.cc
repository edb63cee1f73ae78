// SPDX-License-Identifier: Apache-2.0
// The example of the front page, compiled and run. A test compares the two texts, so that neither changes alone.
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

// [readme]
#include <penstock/penstock.h>
// [readme]
#include <prometheus/counter.h>
#include <prometheus/registry.h>

namespace {

std::promise<std::string> charged;

bool Charge(const std::string& aggregate_id, std::uint64_t attempt) {
  if (attempt == 1) return false;
  charged.set_value(aggregate_id);
  return true;
}

absl::Status Fail(const absl::Status& status) { return status; }

absl::Status PingDatabase() { return absl::OkStatus(); }

penstock::metrics::HttpReply Refund(const penstock::metrics::HttpRequest& request) {
  return {.body = "refunded " + request.body};
}

// Compiled only, as below.
[[maybe_unused]] absl::Status ServeOnesOwn() {
  // [readme service]
  auto registry = std::make_shared<prometheus::Registry>();
  auto& refunds = prometheus::BuildCounter().Name("refunds_total").Help("Orders refunded.").Register(*registry).Add({});
  auto service = penstock::Service::Create(
      {.bus = {.url = "nats://127.0.0.1:4222", .client_id = "billing"},
       .collectables = {registry},
       .ready_checks = {{"database", [] { return PingDatabase(); }}},  // an absl::Status; /readyz shows it by name
       .routes = {{"/refund", {.handler = &Refund, .methods = {"POST"}}}}});
  // [readme service]
  refunds.Increment();
  return service.status();
}

// Compiled only: a test does not speak to whatever listens there.
[[maybe_unused]] absl::Status ConnectToTheUsualServer() {
  // [readme]
  auto bus = penstock::EventBus::Connect({.url = "nats://127.0.0.1:4222", .client_id = "billing"});  // or "memory://"
  // [readme]
  return bus.status();
}

absl::Status AgreeOnALeader(const absl::StatusOr<std::unique_ptr<penstock::EventBus>>& bus) {
  // [readme bucket]
  auto leases = (*bus)->Bucket("leases", {.time_to_live = std::chrono::seconds(30)});
  if (!leases.ok()) return Fail(leases.status());
  auto revision = (*leases)->Create("billing.leader", "host-1");  // kAlreadyExists: another one leads
  if (!revision.ok()) return Fail(revision.status());
  revision = (*leases)->Update("billing.leader", "host-1", *revision);  // kAborted: it was lost meanwhile
  // [readme bucket]
  return revision.status();
}

absl::Status Show(std::string_view /*topic*/, std::string_view /*text*/) { return absl::OkStatus(); }

absl::Status Chat() {
  auto bus = penstock::EventBus::Connect({.url = "memory://", .client_id = "chat"});
  // [pubsub]
  auto alerts = (*bus)->Subscribe("alerts.*", {.queue_capacity = 128, .when_full = penstock::WhenFull::kDropOldest},
                                  [](const penstock::Delivery& alert) { return Show(alert.topic(), alert.payload()); });
  if (!alerts.ok()) return Fail(alerts.status());

  auto chat = (*bus)->Read("chat.>");  // a Reader: pulled from, instead of a handler
  if (!chat.ok()) return Fail(chat.status());
  if (auto sent = (*bus)->Publish("chat.general", "hello"); !sent.ok()) return Fail(sent.status());
  auto message = chat->Next(std::chrono::seconds(5));  // kDeadlineExceeded: none came
  if (!message.ok()) return Fail(message.status());
  // [pubsub]
  EXPECT_EQ(message->payload(), "hello");
  return (*bus)->Unsubscribe(*alerts);
}

absl::Status Main() {
  auto bus = penstock::EventBus::Connect({.url = "memory://", .client_id = "billing"});
  // [readme]
  if (!bus.ok()) return Fail(bus.status());

  auto subscription = (*bus)->SubscribeEnvelope(
      "orders", {.durable = "billing"}, [](const penstock::Envelope& event, const penstock::Delivery& delivery) {
        if (event.event_type != "OrderPlaced") return penstock::Reject("unknown event type");
        return Charge(event.aggregate_id, delivery.attempt()) ? penstock::Ack()
                                                              : penstock::Retry("card terminal is down");
      });
  if (!subscription.ok()) return Fail(subscription.status());

  auto ack = (*bus)->PublishEnvelope(
      "orders", {.aggregate_id = "o-42", .event_type = "OrderPlaced", .payload = R"({"total":"12.50"})"});
  if (!ack.ok()) return Fail(ack.status());
  // [readme]
  if (absl::Status agreed = AgreeOnALeader(bus); !agreed.ok()) return agreed;
  EXPECT_EQ(charged.get_future().get(), "o-42");
  return (*bus)->Drain(std::chrono::seconds(30)).status;
}

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The text between pairs of marks, without the indentation of a function.
std::string Snippet(const std::string& source, const std::string& name) {
  const std::string mark = "// [" + name + "]\n";
  std::string text = "\n";
  for (std::size_t begin = source.find(mark); begin != std::string::npos; begin = source.find(mark, begin)) {
    begin += mark.size();
    const std::size_t end = source.find(mark, begin);
    text.append(source, begin, source.rfind('\n', end) + 1 - begin);
    if (text.find('{') == std::string::npos) text += '\n';
    begin = end + mark.size();
  }
  for (std::size_t at = 0; (at = text.find("\n  ", at)) != std::string::npos; ++at) text.erase(at + 1, 2);
  return text.substr(1);
}

TEST(ReadmeTest, ItsExampleHandlesTheEventThatItPublishes) { EXPECT_EQ(Main(), absl::OkStatus()); }

TEST(PubSubDocTest, ItsExampleIsTheOneTestedAndReadsWhatItPublishes) {
  EXPECT_EQ(Chat(), absl::OkStatus());
  const std::string snippet = Snippet(TextOf(PENSTOCK_README_SNIPPET), "pubsub");
  EXPECT_GT(snippet.size(), 300U);
  EXPECT_THAT(TextOf(PENSTOCK_PUBSUB_DOC), ::testing::HasSubstr("```cpp\n" + snippet));
}

TEST(ReadmeTest, ItsServiceIsTheExampleThatIsBuilt) {
  const std::string example = TextOf(PENSTOCK_SHIPPING_EXAMPLE);
  ASSERT_NE(example.find("#include"), std::string::npos);
  EXPECT_THAT(TextOf(PENSTOCK_README), ::testing::HasSubstr("```cpp\n" + example.substr(example.find("#include"))));
}

TEST(ReadmeTest, ItsExampleIsTheOneTested) {
  for (const char* name : {"readme", "readme bucket", "readme service"}) {
    const std::string snippet = Snippet(TextOf(PENSTOCK_README_SNIPPET), name);
    EXPECT_GT(snippet.size(), 300U);
    EXPECT_THAT(TextOf(PENSTOCK_README), ::testing::HasSubstr(snippet));
  }
}

}  // namespace
