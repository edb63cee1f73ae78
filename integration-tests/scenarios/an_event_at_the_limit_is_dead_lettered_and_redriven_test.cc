// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <optional>
#include <regex>

#include "absl/strings/str_cat.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// The sizes that an error names.
struct Sizes {
  std::size_t taken = 0;
  std::size_t limit = 0;
  std::size_t allowed = 0;
};

std::optional<Sizes> SizesIn(const absl::Status& status) {
  const std::string text(status.message());
  std::smatch found;
  const std::regex form("take (\\d+) bytes, the limit is (\\d+).*send at most (\\d+)");
  if (!std::regex_search(text, found, form)) return std::nullopt;
  return Sizes{std::stoul(found[1]), std::stoul(found[2]), std::stoul(found[3])};
}

/// On a server with a small limit, and on the embedded bus with its own.
class AnEventAtTheLimit : public Scenario, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    GetParam() == "jetstream" ? UseServer({.config = "max_payload: 4096"}) : UseMemory();
    limit_ = GetParam() == "jetstream" ? 4096 : 1 << 20;
    bus_ = Connect();
    ASSERT_NE(bus_, nullptr);
  }

  // A handler that gives up everything, at length, until it is told not to.
  void Consume() {
    const auto subscribed =
        bus_->SubscribeEnvelope("orders", {.durable = "billing", .handler_name = std::string(128, 'h')},
                                [this](const Envelope& envelope, const Delivery&) -> Outcome {
                                  if (rejecting_) return Reject(std::string(2000, 'r'));
                                  log_.Add("handled", std::to_string(envelope.payload.size()));
                                  return Ack();
                                });
    ASSERT_THAT(subscribed, IsOk());
  }

  absl::Status PublishEnvelopeOf(std::size_t payload) {
    return Counted(bus_->PublishEnvelope("orders", Event("a", std::string(payload, 'p'))).status());
  }
  absl::Status PublishPlainOf(std::size_t body) {
    return Counted(bus_->Publish("orders", std::string(body, 'p')).status());
  }
  absl::Status Counted(absl::Status status) {
    published_ += status.ok() ? 1 : 0;
    return status;
  }

  // The largest size that `publish` takes: one more byte is refused, with the sizes. It has been published then.
  template <typename Publish>
  std::size_t Largest(Publish publish) {
    std::size_t size = limit_;
    absl::Status status = publish(size);
    for (std::optional<Sizes> said = SizesIn(status); said && !status.ok(); said = SizesIn(status)) {
      EXPECT_EQ(said->limit, limit_);
      EXPECT_GT(said->taken, said->allowed);
      size -= said->taken - said->allowed;
      status = publish(size);
    }
    EXPECT_THAT(status, IsOk());
    // A length before the payload can have become a byte shorter.
    while (publish(size + 1).ok()) ++size;
    EXPECT_THAT(publish(size + 1), StatusIs(absl::StatusCode::kInvalidArgument));
    return size;
  }

  std::vector<DeadLetter> Letters() {
    const auto listed = bus_->dead_letters().List({.topic = "orders"}, {.bodies = LetterBodies::kInclude});
    EXPECT_THAT(listed, IsOk());
    return listed.ok() ? listed->letters : std::vector<DeadLetter>();
  }
  bool AwaitLetters(std::size_t count) {
    return Eventually([&] { return Letters().size() == count; }, kPatience);
  }

  std::size_t limit_ = 0;
  std::size_t published_ = 0;
  std::unique_ptr<EventBus> bus_{};
  std::atomic<bool> rejecting_{true};
  Log log_{};
};

TEST_P(AnEventAtTheLimit, IsDeadLetteredWholeAndRedrivenHoweverOften) {
  const std::size_t largest = Largest([this](std::size_t size) { return PublishEnvelopeOf(size); });
  EXPECT_THAT(PublishEnvelopeOf(largest + 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("kept free for the headers of a dead letter and of its redrive"),
                             HasSubstr("max_payload"))));
  EXPECT_GT(largest + 1500, limit_) << "no more is kept free than is needed";
  ASSERT_THAT(PublishEnvelopeOf(largest - 1), IsOk());
  Consume();
  const std::size_t count = published_;
  for (int redrives = 0; redrives < 2; ++redrives) {
    ASSERT_TRUE(AwaitLetters(count));
    for (const DeadLetter& letter : Letters()) {
      EXPECT_EQ(letter.body_omitted, 0U);
      EXPECT_GE(letter.body.size(), largest - 1) << "whole";
      EXPECT_EQ(letter.handler, std::string(128, 'h'));
      EXPECT_GE(letter.error.size(), 256U);
      EXPECT_EQ(letter.redrive_count, static_cast<std::uint64_t>(redrives));
    }
    const auto report = bus_->dead_letters().Redrive({.topic = "orders"});
    ASSERT_THAT(report, IsOk());
    EXPECT_EQ(report->sent, count) << report->first_error;
    ASSERT_TRUE(Eventually(
        [&] {
          const auto letters = Letters();
          return letters.size() == count && std::ranges::all_of(letters, [&](const DeadLetter& letter) {
                   return letter.redrive_count == static_cast<std::uint64_t>(redrives) + 1;
                 });
        },
        kPatience));
  }
  rejecting_ = false;
  const auto report = bus_->dead_letters().Redrive({.topic = "orders"});
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->sent, count) << report->first_error;
  EXPECT_TRUE(log_.Reaches(count));
  EXPECT_TRUE(AwaitLetters(0));
}

// A plain message keeps no room, as those of other programs. Its body is no envelope.
TEST_P(AnEventAtTheLimit, OfAnotherPublisherIsNeitherStuckNorLost) {
  Consume();
  const std::size_t largest = Largest([this](std::size_t size) { return PublishPlainOf(size); });
  for (const std::size_t less : {1, 2, 50, 100, 101, 300, 500, 700, 900, 1000, 1100, 1200})
    ASSERT_THAT(PublishPlainOf(largest - less), IsOk());
  ASSERT_TRUE(AwaitLetters(published_));
  std::size_t whole = 0;
  for (const DeadLetter& letter : Letters()) {
    EXPECT_EQ(letter.body_omitted, 0U);
    EXPECT_GE(letter.body.size(), largest - 1200);
    EXPECT_EQ(letter.body, std::string(letter.body.size(), 'p'));
    EXPECT_EQ(letter.consumer, "billing");
    EXPECT_EQ(letter.error_class, "undecodable");
    whole += letter.error.empty() ? 0 : 1;
  }
  EXPECT_GT(whole, 0U);
  const auto report = bus_->dead_letters().Redrive({.topic = "orders"});
  ASSERT_THAT(report, IsOk());
  EXPECT_GT(report->sent, 0U);
  EXPECT_GT(report->failed, 0U);
  EXPECT_EQ(report->sent + report->failed, published_);
  EXPECT_THAT(report->first_error,
              StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr("with the headers of a redrive it takes"),
                                                                    HasSubstr(absl::StrCat("the limit is ", limit_)))));
}

INSTANTIATE_TEST_SUITE_P(On, AnEventAtTheLimit, ::testing::Values("jetstream", "memory"),
                         [](const auto& transport) { return std::string(transport.param); });

/// The limit of a stream that somebody made ahead.
class AnEventAtTheLimitOfItsStream : public Scenario {};

TEST_F(AnEventAtTheLimitOfItsStream, LeavesRoomForItsRedriveToo) {
  UseServer();
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  ASSERT_THAT(raw->Request("$JS.API.STREAM.CREATE.EVENTS_orders",
                           R"({"name":"EVENTS_orders","subjects":["orders"],"storage":"file","max_msg_size":3000})"),
              IsOk());
  const auto bus = Connect();
  ASSERT_NE(bus, nullptr);
  std::atomic<bool> rejecting{true};
  std::atomic<int> handled{0};
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     [&](const Envelope&, const Delivery&) -> Outcome {
                                       if (rejecting) return Reject("not now");
                                       ++handled;
                                       return Ack();
                                     }),
              IsOk());
  const auto publish = [&](std::size_t size) {
    return bus->PublishEnvelope("orders", Event("a", std::string(size, 'p'))).status();
  };
  std::size_t size = 3000;
  absl::Status refused = publish(size);
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("the limit is 3000 (max_msg_size of its stream)"), HasSubstr("are kept free"))));
  const auto said = SizesIn(refused);
  ASSERT_TRUE(said);
  size -= said->taken - said->allowed;
  ASSERT_THAT(publish(size), IsOk());
  const auto letters = [&] {
    const auto listed = bus->dead_letters().List({.topic = "orders"});
    return listed.ok() ? listed->letters.size() : 99;
  };
  ASSERT_TRUE(Eventually([&] { return letters() == 1; }, kPatience));
  rejecting = false;
  const auto report = bus->dead_letters().Redrive({.topic = "orders"});
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->sent, 1U) << report->first_error;
  EXPECT_TRUE(Eventually([&] { return handled == 1 && letters() == 0; }, kPatience));
}

}  // namespace
}  // namespace penstock::testing
