// SPDX-License-Identifier: Apache-2.0
#include "letter_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "penstock/eventbus/envelope.h"

namespace penstock::tool {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

DeadLetter Letter() {
  return {.id = 17,
          .topic = "orders",
          .key = "o-42",
          .error_class = "threw",
          .error = "card terminal is down",
          .attempts = 3,
          .last_failed_at = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'250)),
          .consumer = "billing",
          .body = "plain text",
          .headers = {{"X-Shop", "north"}}};
}

TEST(LetterTextTest, ALineTellsWhichAndWhy) {
  const std::string line = LineOf(Letter(), Format::kText);
  for (const char* const part :
       {"17", "2023-11-14T22:13:20.250Z", "threw", "orders", "billing", "o-42", "card terminal"})
    EXPECT_THAT(line, HasSubstr(part));
  DeadLetter forged = Letter();
  forged.error = "one\ntwo";
  EXPECT_THAT(LineOf(forged, Format::kText), Not(HasSubstr("\n")));
  const Json json = Json::parse(LineOf(Letter(), Format::kJson));
  EXPECT_EQ(json["id"], 17);
  EXPECT_EQ(json["last_failed_at"], "2023-11-14T22:13:20.250Z");
  EXPECT_EQ(json["first_failed_at"], "");
  EXPECT_FALSE(json.contains("body"));
}

TEST(LetterTextTest, ASummarySaysHowManyMoreThereAre) {
  EXPECT_EQ(SummaryOf({.letters = {Letter()}, .more = 0}, Format::kText), "1 listed, 0 more");
  EXPECT_EQ(SummaryOf({.letters = {Letter()}, .more = 99}, Format::kText), "1 listed, 99 more: --after-id 17");
  EXPECT_EQ(SummaryOf({.letters = {}, .more = 0}, Format::kJson), R"({"listed":0,"more":0})");
}

TEST(LetterTextTest, AWholeLetterHasItsBodyAsTextOrBase64) {
  DeadLetter letter = Letter();
  Json json = Json::parse(WholeOf(letter, Format::kJson));
  EXPECT_EQ(json["body"], "plain text");
  EXPECT_EQ(json["headers"], Json({"X-Shop: north"}));
  EXPECT_FALSE(json.contains("envelope"));
  EXPECT_THAT(WholeOf(letter, Format::kText), HasSubstr("body              plain text\n"));
  for (const std::string& binary : {std::string("\xff\xfe"), std::string("a\0b", 3)}) {
    letter.body = binary;
    json = Json::parse(WholeOf(letter, Format::kJson));
    EXPECT_TRUE(json.contains("body_base64"));
    EXPECT_FALSE(json.contains("body"));
  }
  letter.body_omitted = 2'000'000;
  json = Json::parse(WholeOf(letter, Format::kJson));
  EXPECT_EQ(json["body_omitted"], 2'000'000);
  EXPECT_FALSE(json.contains("body"));
}

TEST(LetterTextTest, AWholeLetterHasTheFieldsOfItsEnvelope) {
  DeadLetter letter = Letter();
  letter.body = *EncodeEnvelope({.event_id = "e-1",
                                 .aggregate_id = "o-42",
                                 .event_type = "OrderPlaced",
                                 .timestamp = std::chrono::system_clock::time_point(std::chrono::seconds(1)),
                                 .payload = "total 12.50"},
                                EnvelopeFormat::kProtobuf);
  const Json json = Json::parse(WholeOf(letter, Format::kJson));
  EXPECT_EQ(json["envelope"]["event_type"], "OrderPlaced");
  EXPECT_EQ(json["envelope"]["payload"], "total 12.50");
  const std::string text = WholeOf(letter, Format::kText);
  EXPECT_THAT(text, HasSubstr("event_type        OrderPlaced\n"));
  EXPECT_THAT(text, HasSubstr("error             card terminal is down\n"));
  EXPECT_THAT(text, HasSubstr("attempts          3\n"));
}

TEST(LetterTextTest, AReportNamesItsNumbersAndItsFirstError) {
  const RedriveReport report{.matched = 3, .sent = 2, .failed = 1, .first_error = absl::NotFoundError("gone\nso")};
  EXPECT_EQ(TextOf(report, RedriveMode::kSend, Format::kText),
            "redrive: matched 3 sent 2 failed 1\nfirst error: gone\\nso");
  EXPECT_EQ(TextOf({}, RedriveMode::kDryRun, Format::kText), "dry run: matched 0");
  const Json json = Json::parse(TextOf(report, RedriveMode::kSend, Format::kJson));
  EXPECT_EQ(json["sent"], 2);
  EXPECT_EQ(json["first_error"], "gone\nso");
  EXPECT_EQ(json["dry_run"], false);
}

TEST(LetterTextTest, ARedriveIsDoneWhenAllOfItWasSent) {
  EXPECT_TRUE(IsDone({.matched = 2, .sent = 1, .already_sent = 1}, {}));
  EXPECT_TRUE(IsDone({.matched = 1, .gone = 1}, {}));
  EXPECT_FALSE(IsDone({.matched = 1, .failed = 1}, {}));
  EXPECT_FALSE(IsDone({.matched = 1, .skipped_loop_guard = 1}, {}));
  EXPECT_FALSE(IsDone({.matched = 1, .held_back = 1}, {}));
  EXPECT_FALSE(IsDone({.matched = 1, .left = 1}, {})) << "the connection was lost";
  EXPECT_TRUE(IsDone({.matched = 2, .sent = 1, .left = 1}, {.limit = 1}));
  EXPECT_TRUE(IsDone({.matched = 1, .skipped_loop_guard = 1}, {.mode = RedriveMode::kDryRun}));
}

}  // namespace
}  // namespace penstock::tool
