// SPDX-License-Identifier: Apache-2.0
#include "view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace penstock::demo {
namespace {

using std::chrono_literals::operator""ms;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Progress Half() {
  return {.elapsed = 1000ms,
          .events = 2000,
          .published = 1500,
          .handled = 1000,
          .in_flight = 500,
          .retried = 7,
          .held_keys = 3,
          .actors = {4, 0, 2, 1}};
}

TEST(ProgressViewTest, SaysHowFarItIsInOneLine) {
  ProgressView view("title", {});
  const std::string line = view.Line(Half());
  EXPECT_THAT(line, HasSubstr("handled 1,000 of 2,000 (1000/s)"));
  EXPECT_THAT(line, HasSubstr("held keys 3"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST(ProgressViewTest, DrawsEachFrameOverTheLast) {
  ProgressView view("title", {});
  const std::string first = view.Frame(Half());
  EXPECT_THAT(first, StartsWith("\x1b[?25l"));
  EXPECT_THAT(first, HasSubstr(" 50 %"));
  const auto lines = std::count(first.begin(), first.end(), '\n');
  const std::string up = "\x1b[" + std::to_string(lines) + "A";
  EXPECT_THAT(view.Frame(Half()), StartsWith(up));
  EXPECT_THAT(view.Clear(), StartsWith(up));
}

TEST(ProgressViewTest, GivesTheTerminalBackOnce) {
  ProgressView view("title", {});
  EXPECT_EQ(view.Clear(), "");
  view.Frame(Half());
  EXPECT_THAT(view.Clear(), HasSubstr("\x1b[?25h"));
  EXPECT_EQ(view.Clear(), "");
}

TEST(ProgressViewTest, DrawsBusyActorsHigherThanIdleOnes) {
  ProgressView ascii("title", {});
  EXPECT_THAT(ascii.Frame(Half()), HasSubstr("  # :.  actors"));
  ProgressView unicode("title", {.unicode = true});
  EXPECT_THAT(unicode.Frame(Half()), HasSubstr("█ ▄▂"));
}

TEST(ProgressViewTest, IsPlainWithoutColourAndUnicode) {
  ProgressView view("title", {});
  const std::string frame = view.Frame(Half());
  EXPECT_TRUE(std::all_of(frame.begin(), frame.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  EXPECT_THAT(frame, Not(HasSubstr("[1;32m")));
}

TEST(ProgressViewTest, TakesAMomentBeforeAnythingHappened) {
  ProgressView view("title", {});
  EXPECT_THAT(view.Frame(Progress{}), HasSubstr("  0 %"));
  EXPECT_THAT(view.Line(Progress{}), HasSubstr("handled 0 of 0"));
}

}  // namespace
}  // namespace penstock::demo
