// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

struct Refusal {
  const char* field = "";
  std::function<void(ActorPoolOptions&)> spoil{};
};

constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();

const Refusal kRefusals[] = {
    {"name", [](auto& o) { o.name = ""; }},
    {"name", [](auto& o) { o.name = std::string(65, 'a'); }},
    {"name", [](auto& o) { o.name = "two words"; }},
    {"name", [](auto& o) { o.name = "a\nb"; }},
    {"name", [](auto& o) { o.name = "caf\xc3\xa9"; }},
    {"name", [](auto& o) { o.name = std::string("a\0b", 3); }},
    {"actors", [](auto& o) { o.actors = 0; }},
    {"actors", [](auto& o) { o.actors = 65'537; }},
    {"actors", [](auto& o) { o.actors = kHuge; }},
    {"inbox_capacity", [](auto& o) { o.inbox_capacity = 0; }},
    {"inbox_capacity", [](auto& o) { o.inbox_capacity = 1'000'001; }},
    {"workers", [](auto& o) { o.workers = 1'025; }},
    {"workers", [](auto& o) { o.workers = kHuge; }},
    {"burst", [](auto& o) { o.burst = 0; }},
    {"burst", [](auto& o) { o.burst = 100'001; }},
    {"restart.max_restarts", [](auto& o) { o.restart.max_restarts = -1; }},
    {"restart.max_restarts", [](auto& o) { o.restart.max_restarts = 1'001; }},
    {"restart.window", [](auto& o) { o.restart.window = milliseconds(0); }},
    {"restart.window", [](auto& o) { o.restart.window = milliseconds(3'600'001); }},
    {"restart.min_backoff", [](auto& o) { o.restart.min_backoff = milliseconds(-1); }},
    {"restart.min_backoff", [](auto& o) { o.restart.min_backoff = milliseconds(101); }},
    {"restart.max_backoff", [](auto& o) { o.restart.max_backoff = milliseconds(60'001); }},
    {"restart.max_backoff", [](auto& o) { o.restart.max_backoff = milliseconds(-1); }},
    {"restart.suspension", [](auto& o) { o.restart.suspension = milliseconds(0); }},
    {"restart.suspension", [](auto& o) { o.restart.suspension = milliseconds::max(); }},
};

TEST(ActorPoolOptionsTest, DefaultsAreValidAndAsDocumented) {
  const ActorPoolOptions options;
  EXPECT_TRUE(options.Validate().ok());
  EXPECT_EQ(options.actors, 256u);
  EXPECT_EQ(options.inbox_capacity, 1000u);
  EXPECT_EQ(options.restart.max_restarts, 3);
}

TEST(ActorPoolOptionsTest, RefusesAFieldOutOfRangeAndNamesIt) {
  for (const Refusal& refusal : kRefusals) {
    ActorPoolOptions options;
    refusal.spoil(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.field;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("\"", refusal.field, "\""))) << refusal.field;
    EXPECT_EQ(ActorPool::Create(options).status(), status) << refusal.field;
  }
}

TEST(ActorPoolOptionsTest, TheErrorSaysWhichValuesAreValid) {
  EXPECT_EQ(ActorPoolOptions{.burst = 0}.Validate().message(),
            "actor pool option \"burst\": 0 is out of range; use 1 to 100000");
  EXPECT_EQ(ActorPoolOptions{.restart = {.suspension = milliseconds(0)}}.Validate().message(),
            "actor pool option \"restart.suspension\": 0ms is out of range; use 1 to 600000ms");
}

TEST(ActorPoolOptionsTest, AcceptsBothEndsOfEveryRange) {
  EXPECT_TRUE((ActorPoolOptions{.name = "a",
                                .actors = 1,
                                .inbox_capacity = 1,
                                .workers = 1,
                                .burst = 1,
                                .restart = {.max_restarts = 0,
                                            .window = milliseconds(1),
                                            .min_backoff = milliseconds(0),
                                            .max_backoff = milliseconds(0),
                                            .suspension = milliseconds(1)}})
                  .Validate()
                  .ok());
  EXPECT_TRUE((ActorPoolOptions{.name = std::string(64, 'Z'),
                                .actors = 65'536,
                                .inbox_capacity = 1'000'000,
                                .workers = 1'024,
                                .burst = 100'000,
                                .restart = {.max_restarts = 1'000,
                                            .window = milliseconds(3'600'000),
                                            .min_backoff = milliseconds(60'000),
                                            .max_backoff = milliseconds(60'000),
                                            .suspension = milliseconds(600'000)}})
                  .Validate()
                  .ok());
}

}  // namespace
}  // namespace penstock::actorpool
