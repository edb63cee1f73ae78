// SPDX-License-Identifier: Apache-2.0
// The examples of docs/delay.md, docs/handlers.md and docs/dead-letters.md, compiled and run. A test compares the
// texts, so that neither changes alone.
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"
#include "penstock/eventbus/task/coroutine.h"
#include "penstock/eventbus/task/periodic.h"
#include "penstock/penstock.h"

namespace {

struct Email {
  std::string to{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Email, to)

struct Sync {
  std::string account{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Sync, account)

}  // namespace

template <>
struct penstock::Codec<Email> : penstock::JsonCodec<Email> {
  static std::string Type() { return "Email"; }
};
template <>
struct penstock::Codec<Sync> : penstock::JsonCodec<Sync> {
  static std::string Type() { return "Sync"; }
};

namespace {

// As in the documents.
using namespace penstock;  // NOLINT(google-build-using-namespace)

constexpr std::chrono::seconds kPatience{30};

/// A card terminal that calls back from a thread of its own.
class Terminal {
 public:
  ~Terminal() {
    for (std::thread& each : threads_) each.join();
  }
  void Charge(const std::string& /*customer*/, std::function<void(bool)> done) {
    threads_.emplace_back([done = std::move(done)] { done(true); });
  }

 private:
  std::vector<std::thread> threads_;
};

// By the names that they have in the documents.
struct Named {
  Terminal client{};
  std::unique_ptr<EventBus> bus{};
};

class DocumentSnippets : public ::testing::Test, protected Named {
 protected:
  void SetUp() override {
    auto connected = EventBus::Connect({.url = "memory://", .client_id = "reader"});
    ASSERT_TRUE(connected.ok()) << connected.status();
    bus = *std::move(connected);
  }

  static Envelope Event(const std::string& type) { return {.aggregate_id = "o-42", .event_type = type}; }
  // What the durable of that topic handles next.
  std::future<Envelope> Next(const std::string& topic) {
    auto promise = std::make_shared<std::promise<Envelope>>();
    auto future = promise->get_future();
    EXPECT_TRUE(bus->SubscribeEnvelope(topic, {.durable = "next"},
                                       [promise](const Envelope& event, const Delivery&) {
                                         promise->set_value(event);
                                         return Ack();
                                       })
                    .ok());
    return future;
  }
  void ExpectAcked(std::size_t events) const {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto acked = [this] {
      std::size_t sum = 0;
      for (const auto& each : bus->Stats().subscriptions) sum += each.acked;
      return sum;
    };
    while (acked() < events && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(acked(), events);
  }
};

const Actor<Email> kSendEmail("send-email");

TEST_F(DocumentSnippets, DelayAnEvent) {
  const Envelope reminder = Event("Reminder");
  const Email email{.to = "a@example.com"};
  const std::string customer = "c-7";
  const auto due = std::chrono::system_clock::now() + std::chrono::hours(24);
  // [delay.md]
  using namespace std::chrono_literals;
  auto stored = bus->PublishEnvelope("reminders", reminder, {.delay = 15min});
  stored = bus->PublishEnvelope("reminders", reminder, {.deliver_at = due});  // a std::chrono::system_clock::time_point
  auto sent = kSendEmail.Send(*bus, email, {.key = customer, .id = "welcome-17", .delay = 24h});
  // [delay.md]
  EXPECT_TRUE(stored.ok() && sent.ok());
  EXPECT_TRUE(kSendEmail.CancelDelayed(*bus, "welcome-17").ok());
  ASSERT_TRUE(kSendEmail.Send(*bus, email).ok());
  EXPECT_TRUE(
      kSendEmail.Host(*bus, [](const Email& received) { return received.to.empty() ? Reject("") : Ack(); }).ok());
  ExpectAcked(1);
}

Envelope MakeReportRequest(std::chrono::system_clock::time_point /*tick*/) {
  return {.aggregate_id = "nightly", .event_type = "ReportRequested"};
}

TEST_F(DocumentSnippets, SendPeriodically) {
  // [delay.md]
  auto nightly = penstock::Periodic::Start(
      *bus, "reports", {.name = "nightly", .cron = "30 2 * * *", .time_zone = "Europe/Berlin"},
      [](std::chrono::system_clock::time_point tick) { return MakeReportRequest(tick); });
  // [delay.md]
  EXPECT_TRUE(nightly.ok()) << nightly.status();
}

TEST_F(DocumentSnippets, SettleLater) {
  // [handlers.md]
  auto billing = [&](const Envelope& event, const Delivery& delivery) {
    auto token = std::make_shared<DeferredOutcome>(delivery.Defer());
    client.Charge(event.aggregate_id,
                  [token](bool done) { token->Settle(done ? Ack() : Retry("is down")).IgnoreError(); });
    return Deferred();
  };
  auto subscription = bus->SubscribeEnvelope("orders", {.durable = "billing"}, billing);
  // [handlers.md]
  ASSERT_TRUE(bus->PublishEnvelope("orders", Event("OrderPlaced")).ok());
  ExpectAcked(1);
}

TEST_F(DocumentSnippets, AwaitInACoroutine) {
  auto billed = Next("bills");
  // [handlers.md]
  auto charge = [&](Envelope event, CoroutineDelivery delivery) -> Task<Outcome> {
    auto charging = Called<bool>([&](auto done) { client.Charge(event.aggregate_id, done); });
    const absl::StatusOr<bool> charged = co_await charging;
    if (!charged.ok() || !*charged) co_return Retry("card terminal is down");
    co_await Slept(std::chrono::milliseconds(20));
    Envelope bill = CausedBy(event, {.event_id = DerivedEventId(event.event_id, "bill"),
                                     .aggregate_id = event.aggregate_id,
                                     .event_type = "BillDue"});
    auto publishing = Published(*delivery.bus, "bills", std::move(bill));
    co_return (co_await publishing).status();
  };
  auto subscription = bus->SubscribeEnvelope("orders", {.durable = "billing"}, Coroutine(charge));
  // [handlers.md]
  ASSERT_TRUE(bus->PublishEnvelope("orders", Event("OrderPlaced")).ok());
  ASSERT_EQ(billed.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(billed.get().aggregate_id, "o-42");
  ExpectAcked(2);
}

Outcome Bill(const Envelope& /*event*/, const Delivery& /*delivery*/) { return Ack(); }

TEST_F(DocumentSnippets, PublishUrgentEvents) {
  const Envelope order = Event("OrderPlaced");
  // [handlers.md]
  auto subscription = bus->SubscribeEnvelope("orders", {.durable = "billing", .priority_classes = {"urgent"}}, Bill);
  auto stored = bus->PublishEnvelope("orders", order, {.priority_class = "urgent"});  // topic "orders.urgent"
  stored = bus->PublishEnvelope("orders", order, {.priority = 10});                   // before others of topic "orders"
  // [handlers.md]
  ExpectAcked(2);
}

TEST_F(DocumentSnippets, CancelAnEvent) {
  const EnvelopeHandler handler = Bill;
  const auto sent = bus->PublishEnvelope("imports", Event("ImportAsked"), {.delay = std::chrono::hours(1)});
  ASSERT_TRUE(sent.ok());
  const std::string event_id = NewEventId();
  // [handlers.md]
  auto subscription = bus->SubscribeEnvelope("imports", {.durable = "importer", .cancel = {.honour = true}}, handler);

  absl::StatusOr<Cancelled> met = bus->Cancel("imports", "importer", event_id, std::chrono::seconds(2));  // anywhere
  // [handlers.md]
  ASSERT_TRUE(met.ok()) << met.status();
  EXPECT_EQ(*met, Cancelled::kRequested);
}

TEST_F(DocumentSnippets, SendAUniqueMessage) {
  const std::string account = "7";
  const Sync sync{.account = account};
  // [handlers.md]
  const Actor<Sync> syncs("sync", {.results = {.keep = true}});

  auto sent = syncs.Send(*bus, sync, {.key = account, .unique = "sync-" + account});  // from anywhere, at any time
  bool is_another = sent.ok() && !sent->ack.duplicate;  // else sent->id is the message that is not finished yet
  // [handlers.md]
  ASSERT_TRUE(is_another) << sent.status();
  const auto again = syncs.Send(*bus, sync, {.unique = "sync-" + account});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->ack.duplicate);
  EXPECT_EQ(again->id, sent->id);
  EXPECT_TRUE(syncs.Host(*bus, [](const Sync& job) { return job.account == "7" ? Ack() : Reject(""); }).ok());
  EXPECT_TRUE(syncs.AwaitResult(*bus, sent->id, kPatience).ok());
}

TEST_F(DocumentSnippets, ListAndRedriveLetters) {
  // [dead-letters.md]
  auto page = bus->dead_letters().List({.topic = "orders", .error_class = "threw"}, {.limit = 20});
  auto letter = bus->dead_letters().Get(17);  // with its body
  // [dead-letters.md]
  EXPECT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(absl::IsNotFound(letter.status())) << letter.status();
}

TEST_F(DocumentSnippets, RedriveLetters) {
  // [dead-letters.md]
  auto plan = bus->dead_letters().Redrive({.topic = "orders"}, {.mode = penstock::RedriveMode::kDryRun});
  auto report = bus->dead_letters().Redrive({.topic = "orders"}, {.messages_per_second = 50});
  // [dead-letters.md]
  EXPECT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(report.ok()) << report.status();
}

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The texts between every first and second `begin` and `end`, without the indentation of their lines.
std::vector<std::string> Between(const std::string& text, const std::string& begin, const std::string& end) {
  std::vector<std::string> parts;
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const std::size_t last = text.find(end, at);
    std::string& part = parts.emplace_back();
    for (const absl::string_view line : absl::StrSplit(text.substr(at, last - at), '\n'))
      absl::StrAppend(&part, absl::StripLeadingAsciiWhitespace(line), "\n");
    at = last + end.size();
  }
  return parts;
}

TEST(DocumentSnippetsTest, AreTheOnesThatAreCompiled) {
  const std::string here = TextOf(PENSTOCK_DOCUMENT_SNIPPETS);
  for (const char* document : {"delay.md", "handlers.md", "dead-letters.md"}) {
    const std::string mark = absl::StrCat("// [", document, "]\n");
    std::vector<std::string> shown = Between(TextOf(absl::StrCat(PENSTOCK_DOCS, "/", document)), "```cpp\n", "```\n");
    EXPECT_GT(shown.size(), 1U) << document;
    EXPECT_THAT(shown, ::testing::UnorderedElementsAreArray(Between(here, mark, mark))) << document;
  }
}

}  // namespace
