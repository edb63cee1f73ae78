// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <set>
#include <stdexcept>

#include "absl/time/time.h"
#include "penstock/eventbus/task/periodic.h"
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using std::chrono::minutes;
using std::chrono::system_clock;
using ::testing::HasSubstr;

class APeriodicMessage : public EveryTransport {
 protected:
  void SetUp() override {
    EveryTransport::SetUp();
    bus_ = Connect();
    ASSERT_THAT(bus_->SubscribeEnvelope("reports", {.durable = "reporting"}, Logging(log_)), IsOk());
  }

  static Envelope Report(system_clock::time_point tick) {
    return {.event_type = "ReportDue", .payload = std::to_string(system_clock::to_time_t(tick))};
  }
  static std::unique_ptr<Periodic> Start(EventBus& bus, PeriodicOptions options) {
    auto started = Periodic::Start(bus, "reports", std::move(options), &Report);
    EXPECT_THAT(started, IsOk());
    return started.ok() ? *std::move(started) : nullptr;
  }
  static PeriodicOptions EveryMinute(MissedTicks missed = MissedTicks::kSkip) {
    return {.name = "every-minute", .cron = "* * * * *", .missed = missed};
  }
  /// As if the processes of the schedule had stopped so long ago.
  void StoppedBefore(minutes ago) const {
    const auto bucket = bus_->Bucket("PENSTOCK_PERIODIC");
    ASSERT_THAT(bucket, IsOk());
    const auto last = std::chrono::floor<minutes>(system_clock::now() - ago);
    ASSERT_THAT((*bucket)->Put("EVENTS.every-minute",
                               absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromChrono(last), absl::UTCTimeZone()) +
                                   "\nUTC\n* * * * *"),
                IsOk());
  }
  /// By the relay's owner.
  static bool StoredAhead(const EventBus& one, const EventBus& other) {
    return Eventually([&] { return one.Stats().delayed.waiting + other.Stats().delayed.waiting >= 1; }, kPatience);
  }

  std::unique_ptr<EventBus> bus_;
  Log log_;
};

TEST_P(APeriodicMessage, ThatWasMissedIsMadeUpForOnceByAllProcesses) {
  StoppedBefore(minutes(5));
  const auto other = Connect(Options("other"));
  const auto first = Start(*bus_, EveryMinute(MissedTicks::kAll));
  const auto second = Start(*other, EveryMinute(MissedTicks::kAll));
  EXPECT_TRUE(log_.Reaches(5));
  EXPECT_TRUE(StoredAhead(*bus_, *other));
  first->Stop();
  second->Stop();
  const auto handled = log_.Of("every-minute");
  const std::set<std::string> different(handled.begin(), handled.end());
  EXPECT_EQ(handled.size(), different.size()) << "a tick came twice";
  EXPECT_TRUE(std::ranges::is_sorted(handled));
}

TEST_P(APeriodicMessage, ThatWasMissedCanBeLeftOut) {
  StoppedBefore(minutes(5));
  const auto schedule = Start(*bus_, EveryMinute());
  EXPECT_TRUE(StoredAhead(*bus_, *bus_));
  schedule->Stop();
  EXPECT_LE(log_.count(), 1u) << "none but one that came meanwhile";
}

TEST_P(APeriodicMessage, ComesOnTimeOnceHoweverManyProcessesSendIt) {
  std::vector<std::unique_ptr<EventBus>> buses;
  std::vector<std::unique_ptr<Periodic>> schedules;
  const auto began = system_clock::now();
  for (int i = 0; i < 3; ++i) {
    buses.push_back(Connect(Options("process-" + std::to_string(i))));
    schedules.push_back(Start(*buses.back(), EveryMinute()));
  }
  ASSERT_TRUE(log_.Reaches(1, minutes(2)));
  const auto tick = std::chrono::ceil<minutes>(began);
  EXPECT_GE(system_clock::now(), tick);
  EXPECT_EQ(log_.Of("every-minute").front(), std::to_string(system_clock::to_time_t(tick)));
  schedules.clear();
  const auto handled = log_.Of("every-minute");
  EXPECT_EQ(std::set<std::string>(handled.begin(), handled.end()).size(), handled.size());
}

TEST_P(APeriodicMessage, OfAScheduleThatIsNoneIsRefused) {
  const auto refused = [&](PeriodicOptions options, const char* field) {
    EXPECT_THAT(Periodic::Start(*bus_, "reports", std::move(options), &Report),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  refused({.name = "", .cron = "* * * * *"}, "name");
  refused({.name = "a b", .cron = "* * * * *"}, "name");
  refused({.name = "n", .cron = "every minute"}, "cron");
  refused({.name = "n", .cron = "0 0 30 2 *"}, "cron");
  refused({.name = "n", .cron = "* * * * *", .time_zone = "Nowhere"}, "time_zone");
  refused({.name = "n", .cron = "* * * * *", .missed = static_cast<MissedTicks>(9)}, "missed");
  EXPECT_THAT(Periodic::Start(*bus_, "re ports", EveryMinute(), &Report), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Periodic::Start(*bus_, "reports", EveryMinute(), nullptr), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(APeriodicMessage, SurvivesAFunctionThatThrows) {
  StoppedBefore(minutes(3));
  std::atomic<int> calls = 0;
  auto schedule =
      Periodic::Start(*bus_, "reports", EveryMinute(MissedTicks::kOnce), [&](system_clock::time_point tick) {
        if (++calls == 1) throw std::runtime_error("not now");
        return Report(tick);
      });
  ASSERT_THAT(schedule, IsOk());
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_GE(calls, 2);
}

PENSTOCK_ON_EVERY_TRANSPORT(APeriodicMessage);

}  // namespace
}  // namespace penstock::testing
