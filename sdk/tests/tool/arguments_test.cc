// SPDX-License-Identifier: Apache-2.0
#include "arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace penstock::tool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Arguments> Read(std::vector<const char*> words) {
  words.insert(words.begin(), {"penstock", "dlq"});
  return ReadArguments(static_cast<int>(words.size()), words.data());
}

TEST(ArgumentsTest, ListsByEveryFilterOfAQuery) {
  const auto arguments = Read({"list",
                               "--topic",
                               "orders",
                               "--consumer",
                               "billing",
                               "--key",
                               "o-42",
                               "--error-class",
                               "threw",
                               "--from-id",
                               "3",
                               "--to-id",
                               "9",
                               "--since",
                               "2026-11-30T12:00:00Z",
                               "--until",
                               "2026-11-30T13:00:00+01:00",
                               "--limit",
                               "7",
                               "--after-id",
                               "4",
                               "--json",
                               "--server",
                               "nats://h:1",
                               "--base-stream",
                               "SHOP"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->verb, Arguments::Verb::kList);
  EXPECT_EQ(arguments->query.topic, "orders");
  EXPECT_EQ(arguments->query.consumer, "billing");
  EXPECT_EQ(arguments->query.key, "o-42");
  EXPECT_EQ(arguments->query.error_class, "threw");
  EXPECT_EQ(arguments->query.first_id, 3U);
  EXPECT_EQ(arguments->query.last_id, 9U);
  EXPECT_EQ(arguments->query.failed_from, arguments->query.failed_to) << "the same moment";
  EXPECT_TRUE(arguments->query.failed_from.has_value());
  EXPECT_EQ(arguments->list.limit, 7U);
  EXPECT_EQ(arguments->list.after_id, 4U);
  EXPECT_TRUE(arguments->json);
  EXPECT_EQ(arguments->server, "nats://h:1");
  EXPECT_EQ(arguments->base_stream_name, "SHOP");
}

TEST(ArgumentsTest, RedrivesByIdWithTheLoopGuardOfTheLibrary) {
  const auto arguments = Read({"redrive", "17", "18", "--dry-run", "--limit", "1", "--rate", "0.5"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->verb, Arguments::Verb::kRedrive);
  EXPECT_THAT(arguments->query.ids, ElementsAre(17U, 18U));
  EXPECT_EQ(arguments->redrive.mode, RedriveMode::kDryRun);
  EXPECT_EQ(arguments->redrive.limit, 1U);
  EXPECT_EQ(arguments->redrive.messages_per_second, 0.5);
  EXPECT_EQ(arguments->redrive.max_redrives, RedriveOptions{}.max_redrives);
  EXPECT_EQ(Read({"redrive", "17"})->redrive.mode, RedriveMode::kSend);
  EXPECT_EQ(Read({"redrive", "17", "--max-redrives", "9"})->redrive.max_redrives, 9U);
}

TEST(ArgumentsTest, ShowsOneLetter) {
  const auto arguments = Read({"show", "17"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->verb, Arguments::Verb::kShow);
  EXPECT_EQ(arguments->id, 17U);
}

TEST(ArgumentsTest, HelpIsNoError) {
  const auto arguments = Read({"redrive", "--help"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->verb, Arguments::Verb::kHelp);
  EXPECT_THAT(arguments->help, HasSubstr("--dry-run"));
}

TEST(ArgumentsTest, WrongUseIsRefused) {
  const std::vector<std::vector<const char*>> wrong = {{},
                                                       {"remove"},
                                                       {"show"},
                                                       {"show", "x"},
                                                       {"list", "--limit", "-1"},
                                                       {"list", "--since", "noon"},
                                                       {"list", "--odd"}};
  for (const auto& words : wrong) {
    const auto arguments = Read(words);
    EXPECT_EQ(arguments.status().code(), absl::StatusCode::kInvalidArgument) << testing::PrintToString(words);
    EXPECT_THAT(std::string(arguments.status().message()), HasSubstr("--help"));
  }
}

}  // namespace
}  // namespace penstock::tool
