// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/stream_registry.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

template <typename Options>
struct Refusal {
  const char* field = "";
  std::function<void(Options&)> spoil{};
};

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Refusal<StreamOptions> kStreamRefusals[] = {
    {"capacity", [](auto& o) { o.capacity = 0; }},
    {"capacity", [](auto& o) { o.capacity = 1'000'000'001; }},
    {"capacity", [](auto& o) { o.capacity = StreamOptions::kUnbounded - 1; }},
    {"near_full_from", [](auto& o) { o.near_full_from = 0; }},
    {"near_full_from", [](auto& o) { o.near_full_from = 1.01; }},
    {"near_full_from", [](auto& o) { o.near_full_from = -kInfinity; }},
    {"near_full_from", [](auto& o) { o.near_full_from = kNaN; }},
    {"near_full_until", [](auto& o) { o.near_full_until = -0.1; }},
    {"near_full_until", [](auto& o) { o.near_full_until = 0.8; }},
    {"near_full_until", [](auto& o) { o.near_full_until = kNaN; }},
};

const Refusal<StreamRegistryOptions> kRegistryRefusals[] = {
    {"name", [](auto& o) { o.name = ""; }},
    {"name", [](auto& o) { o.name = "a\nb"; }},
    {"burst", [](auto& o) { o.burst = 0; }},
    {"burst", [](auto& o) { o.burst = 100'001; }},
    {"slice", [](auto& o) { o.slice = milliseconds(0); }},
    {"slice", [](auto& o) { o.slice = milliseconds::max(); }},
    {"slice", [](auto& o) { o.slice = milliseconds::min(); }},
    {"restart.max_restarts", [](auto& o) { o.restart.max_restarts = -1; }},
    {"restart.suspension", [](auto& o) { o.restart.suspension = milliseconds(0); }},
};

TEST(StreamOptionsTest, RefuseAFieldOutOfRangeAndNameIt) {
  auto pool = ActorPool::Create({.actors = 1, .workers = 1}).value();
  auto registry = StreamRegistry<int>::Create(*pool).value();
  for (const auto& refusal : kStreamRefusals) {
    StreamOptions options;
    refusal.spoil(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("\"", refusal.field, "\""))) << refusal.field;
    EXPECT_EQ(registry->Register(
                  "a", [](int) { return absl::OkStatus(); }, options),
              status);
  }
  EXPECT_EQ(registry->Stats().streams, 0u);
}

TEST(StreamRegistryOptionsTest, RefuseAFieldOutOfRangeAndNameIt) {
  auto pool = ActorPool::Create({.actors = 1, .workers = 1}).value();
  for (const auto& refusal : kRegistryRefusals) {
    StreamRegistryOptions options;
    refusal.spoil(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("\"", refusal.field, "\""))) << refusal.field;
    EXPECT_EQ(StreamRegistry<int>::Create(*pool, options).status(), status) << refusal.field;
  }
}

TEST(StreamOptionsTest, TheErrorSaysWhichValuesAreValid) {
  EXPECT_EQ(StreamOptions{.capacity = 0}.Validate().message(),
            "stream option \"capacity\": 0 is out of range; use 1 to 1000000000, or kUnbounded");
  EXPECT_EQ(StreamOptions{.near_full_from = 2}.Validate().message(),
            "stream option \"near_full_from\": 2 is out of range; use a share above 0, to 1");
  EXPECT_EQ(StreamRegistryOptions{.slice = milliseconds(0)}.Validate().message(),
            "stream registry option \"slice\": 0ms is out of range; use 1 to 10000ms");
}

TEST(StreamOptionsTest, AcceptBothEndsOfEveryRange) {
  EXPECT_TRUE(StreamOptions{}.Validate().ok());
  EXPECT_TRUE((StreamOptions{.capacity = 1, .near_full_from = 1e-9, .near_full_until = 0}).Validate().ok());
  EXPECT_TRUE((StreamOptions{.capacity = 1'000'000'000, .near_full_from = 1}).Validate().ok());
  EXPECT_TRUE(StreamOptions{.capacity = StreamOptions::kUnbounded}.Validate().ok());
  EXPECT_TRUE(StreamRegistryOptions{}.Validate().ok());
  EXPECT_TRUE((StreamRegistryOptions{.burst = 1, .slice = milliseconds(1)}).Validate().ok());
  EXPECT_TRUE((StreamRegistryOptions{.burst = 100'000, .slice = milliseconds(10'000)}).Validate().ok());
}

}  // namespace
}  // namespace penstock::actorpool
