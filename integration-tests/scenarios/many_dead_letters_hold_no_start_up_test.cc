// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <iostream>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scenarios/letter_box.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kLettersOfAKey = 5;

// How many letters; for a figure, `PENSTOCK_LETTERS=100000`.
std::size_t LetterCount() {
  const char* const wanted = std::getenv("PENSTOCK_LETTERS");
  return wanted == nullptr ? 3000 : std::strtoul(wanted, nullptr, 10);
}

class ManyDeadLettersHoldNoStartUp : public Scenario {
 protected:
  void SetUp() override { UseServer(); }

  std::unique_ptr<EventBus> Start(const std::string& durable = "billing") {
    BusOptions options = Options(durable);
    options.log = [this](LogLevel, std::string_view line) {
      std::lock_guard<std::mutex> lock(mutex_);
      absl::StrAppend(&lines_, std::string(line), "\n");
    };
    auto bus = Connect(std::move(options));
    const EnvelopeSubscribeOptions quarantine{.durable = durable, .after_dead_letter = AfterDeadLetter::kQuarantine};
    EXPECT_THAT(bus->SubscribeEnvelope("orders", quarantine, Logging(log_)), IsOk());
    return bus;
  }
  std::string Lines() {
    std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }
  // Letters as the first version wrote them, of keys "k0", "k1", ...
  void StoreLetters(std::size_t count) {
    auto raw = RawNats::Connect(server_->port());
    ASSERT_THAT(raw, IsOk());
    for (std::size_t i = 0; i < count; ++i) {
      const std::string headers =
          absl::StrCat("Penstock-Consumer: billing\r\nPenstock-Aggregate-Id: k", i / kLettersOfAKey,
                       "\r\nPenstock-Stream-Sequence: ", i + 1, "\r\nPenstock-Error-Class: rejected\r\n");
      ASSERT_THAT(raw->Publish("EVENTS_dead_letters.orders", std::string(200, 'x'), {}, headers), IsOk());
      if (i % 5000 == 4999) {
        ASSERT_THAT(raw->Ping(), IsOk());
      }
    }
    const std::string all = absl::StrCat("\"messages\":", count, ",");
    ASSERT_TRUE(Eventually(
        [&] {
          const auto info = raw->Request("$JS.API.STREAM.INFO.EVENTS_dead_letters", "");
          return info.ok() && absl::StrContains(info->body, all);
        },
        kPatience));
  }
  // Requests of the JetStream API since `raw` subscribed to them.
  static std::size_t CountRequests(RawNats& raw) {
    std::size_t count = 0;
    while (raw.Next(std::chrono::milliseconds(300)).ok()) ++count;
    return count;
  }
  std::size_t quarantined_keys(const EventBus& bus) { return OnlySubscription(bus).quarantined_keys; }

  Log log_;

 private:
  std::mutex mutex_;
  std::string lines_;
};

TEST_F(ManyDeadLettersHoldNoStartUp, OneReadingForAllOfThem) {
  const std::size_t letters = LetterCount();
  EXPECT_THAT(Start()->Drain(kPatience).status, IsOk());
  StoreLetters(letters);
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  ASSERT_THAT(raw->Subscribe("$JS.API.>"), IsOk());
  ASSERT_THAT(raw->Ping(), IsOk());

  const auto begun = std::chrono::steady_clock::now();
  auto bus = Start();
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("other", "0")), IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  std::cout << letters << " letters, first handler after "
            << std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() << " s\n";
  EXPECT_EQ(quarantined_keys(*bus), letters / kLettersOfAKey);
  const std::size_t requests = CountRequests(*raw);
  std::cout << requests << " requests\n";
  EXPECT_LE(requests, 30 + letters / 500);
  EXPECT_THAT(Lines(), HasSubstr(absl::StrCat("has read ", letters, " dead letters")));

  ASSERT_THAT(bus->PublishEnvelope("orders", Event("k0", "late")), IsOk());
  EXPECT_TRUE(Eventually([&] { return OnlySubscription(*bus).dead_lettered == 1; }, kPatience));
  EXPECT_THAT(log_.Of("k0"), ::testing::IsEmpty());
}

TEST_F(ManyDeadLettersHoldNoStartUp, ATakeOverReadsThemAgainOnlyIfTheyChanged) {
  EXPECT_THAT(Start()->Drain(kPatience).status, IsOk());
  StoreLetters(100);
  auto owner = Start();
  auto standby = Start();
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*standby).standing_by; }, kPatience));
  const std::string before = Lines();
  EXPECT_THAT(before, HasSubstr("has read 100 dead letters"));
  EXPECT_THAT(owner->Drain(kPatience).status, IsOk());
  ASSERT_THAT(standby->PublishEnvelope("orders", Event("other", "0")), IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_THAT(Lines().substr(before.size()), ::testing::Not(HasSubstr("has read")));
  EXPECT_EQ(quarantined_keys(*standby), 20U);
}

TEST_F(ManyDeadLettersHoldNoStartUp, WhatIsDeletedByHandBeforeATakeOverIsNoObstacle) {
  EXPECT_THAT(Start()->Drain(kPatience).status, IsOk());
  StoreLetters(2 * kLettersOfAKey);
  auto owner = Start();
  auto standby = Start();
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*standby).standing_by; }, kPatience));
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  for (std::size_t letter = 1; letter <= kLettersOfAKey; ++letter) {
    ASSERT_THAT(raw->Request("$JS.API.STREAM.MSG.DELETE.EVENTS_dead_letters", absl::StrCat(R"({"seq":)", letter, "}")),
                IsOk());
  }
  EXPECT_THAT(owner->Drain(kPatience).status, IsOk());
  ASSERT_THAT(standby->PublishEnvelope("orders", Event("k0", "0")), IsOk());
  ASSERT_TRUE(log_.Reaches(1));
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0"));
  EXPECT_EQ(quarantined_keys(*standby), 1U);
}

}  // namespace
}  // namespace penstock::testing
