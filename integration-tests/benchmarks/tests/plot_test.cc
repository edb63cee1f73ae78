// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/plot.h"

#include <gmock/gmock.h>

namespace penstock::bench {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kAhead = "#2e7d5b";
constexpr const char* kBehind = "#b3552e";

TEST(PlotTest, ShowsHowManyTimesAsGoodOursIs) {
  EXPECT_THAT(ToSvg({{.name = "rate", .peer_name = "slow", .ratio = 2.5}}),
              AllOf(StartsWith("<svg"), EndsWith("</svg>\n"), HasSubstr("rate / slow"), HasSubstr(">2.50<"),
                    HasSubstr(kAhead), Not(HasSubstr(kBehind))));
  EXPECT_THAT(ToSvg({{.name = "rate", .peer_name = "fast", .ratio = 0.5}}),
              AllOf(HasSubstr(">0.50<"), HasSubstr(kBehind), Not(HasSubstr(kAhead))));
}

TEST(PlotTest, HalfTheLatencyIsTwiceAsGood) {
  EXPECT_THAT(ToSvg({{.name = "latency", .figure = Figure::kP99, .peer_name = "slow", .ratio = 0.5}}),
              AllOf(HasSubstr(">2.00<"), HasSubstr(kAhead)));
}

TEST(PlotTest, LeavesOutWhatHasNoFigures) {
  const std::string svg = ToSvg({{.name = "a", .peer_name = "one", .absent = "not built", .ratio = 1},
                                 {.name = "b", .peer_name = "two", .failed = "it fell", .ratio = 1},
                                 {.name = "c", .peer_name = "three", .ratio = 0}});
  EXPECT_THAT(svg, AllOf(Not(HasSubstr("one")), Not(HasSubstr("two")), Not(HasSubstr("three"))));
}

TEST(PlotTest, EscapesNames) {
  EXPECT_THAT(ToSvg({{.name = "a<b", .peer_name = "c&d", .ratio = 1}}), HasSubstr("a&lt;b / c&amp;d"));
}

}  // namespace
}  // namespace penstock::bench
