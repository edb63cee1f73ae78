// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/measurement.h"

#include <gmock/gmock.h>

#include "support/status_matchers.h"

namespace penstock::bench {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Optional;
using testing::StatusIs;

TEST(MeasurementTest, ReadsARate) {
  const auto read =
      MeasurementOf({.output = "{\"messages\":1000,\"seconds\":0.5}\n", .cpu_s = 0.7, .peak_rss_mib = 12});
  ASSERT_THAT(read, IsOk());
  EXPECT_DOUBLE_EQ(read->messages, 1000);
  EXPECT_DOUBLE_EQ(read->seconds, 0.5);
  EXPECT_DOUBLE_EQ(read->cpu_s, 0.7);
  EXPECT_DOUBLE_EQ(read->peak_rss_mib, 12);
  EXPECT_EQ(read->p50_us, std::nullopt);
}

TEST(MeasurementTest, ReadsLatencies) {
  const auto read = MeasurementOf({.output = R"({"messages":1,"seconds":2,"p50_us":3.5,"p99_us":40})"});
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(read->p50_us, Optional(3.5));
  EXPECT_THAT(read->p99_us, Optional(40));
}

TEST(MeasurementTest, ReadsMemoryThatMayBeBelowNothing) {
  const auto read = MeasurementOf({.output = R"({"messages":1,"seconds":2,"bytes_per_idle_actor":900.5,
      "bytes_per_idle_subscription":2e4,"bytes_per_idle_key":0,"bytes_per_message_seen":-0.25})"});
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(read->bytes_per_idle_actor, Optional(900.5));
  EXPECT_THAT(read->bytes_per_idle_subscription, Optional(20'000));
  EXPECT_THAT(read->bytes_per_idle_key, Optional(0));
  EXPECT_THAT(read->bytes_per_message_seen, Optional(-0.25));
}

TEST(MeasurementTest, HasNoFigureOfAnotherKind) {
  const auto read = MeasurementOf({.output = R"({"messages":1,"seconds":2,"p50_us":0,"bytes_per_idle_key":"few"})"});
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->p50_us, std::nullopt);
  EXPECT_EQ(read->bytes_per_idle_key, std::nullopt);
  EXPECT_EQ(read->bytes_per_idle_actor, std::nullopt);
}

TEST(MeasurementTest, QuotesWhatAFailedProgramSaid) {
  EXPECT_THAT(MeasurementOf({.exit_code = 1, .output = R"({"messages":1,"seconds":2})", .errors = "lost two\n"}),
              StatusIs(absl::StatusCode::kAborted, "exit code 1: lost two"));
}

TEST(MeasurementTest, RefusesWhatIsNoResult) {
  for (const char* const output :
       {"", "done", "[]", "null", "{}", R"({"messages":1})", R"({"messages":0,"seconds":1})",
        R"({"messages":1,"seconds":0})", R"({"messages":1,"seconds":-1})", R"({"messages":"1","seconds":1})",
        "{\"messages\":1,\"seconds\":1}\n{\"messages\":1,\"seconds\":1}", R"({"messages":1,"seconds":1)"}) {
    EXPECT_THAT(MeasurementOf({.output = output}), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(output)));
  }
}

}  // namespace
}  // namespace penstock::bench
