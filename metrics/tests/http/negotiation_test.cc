// SPDX-License-Identifier: Apache-2.0
#include "http/negotiation.h"

#include <gtest/gtest.h>

#include <array>

namespace penstock::metrics {
namespace {

const std::array<MediaType, 2> kOffers = {
    MediaType{.name = "text/plain", .parameters = {{"version", "0.0.4"}}},
    MediaType{.name = "application/openmetrics-text", .parameters = {{"version", "1.0.0"}}}};

bool OpenMetrics(std::string_view accept) { return BestOffer(accept, kOffers) == 1; }

TEST(NegotiationTest, ReadsElementsWithParametersAndQuality) {
  const auto found = ParsePreferences("Text/Plain ; Version=\"0.0.4\";q=0.5 , */*;q=0.1,gzip");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, "text/plain");
  EXPECT_EQ(found[0].parameters, (std::vector<std::pair<std::string, std::string>>{{"version", "0.0.4"}}));
  EXPECT_EQ(found[0].quality, 500);
  EXPECT_EQ(found[1].quality, 100);
  EXPECT_EQ(found[2].quality, 1000);
}

TEST(NegotiationTest, ReadsQualityAsTheStandardSays) {
  const auto quality = [](const std::string& text) {
    const auto found = ParsePreferences("a;q=" + text);
    return found.empty() ? -1 : found.front().quality;
  };
  EXPECT_EQ(quality("0"), 0);
  EXPECT_EQ(quality("0."), 0);
  EXPECT_EQ(quality("0.001"), 1);
  EXPECT_EQ(quality("1.000"), 1000);
  for (const char* wrong : {"", "2", "1.001", "0.0001", ".5", "-1", "x", "0,5", "0.5x", "1e-1"}) {
    EXPECT_NE(quality(wrong), 500) << wrong;
    EXPECT_LE(quality(wrong), 0) << wrong;
  }
}

TEST(NegotiationTest, KeepsSeparatorsInQuotesTogether) {
  const auto found = ParsePreferences(R"(a;x="1,2;3\"4",b)");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].name, "b");
  EXPECT_EQ(ParsePreferences(R"(a;x="never closed, b)").size(), 1U);
  EXPECT_TRUE(ParsePreferences("").empty());
  EXPECT_TRUE(ParsePreferences(",, ;q=1 ,").empty());
}

TEST(NegotiationTest, ChoosesWhatPrometheusPrefers) {
  EXPECT_TRUE(
      OpenMetrics("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
  EXPECT_TRUE(OpenMetrics(
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version="
      "0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
  EXPECT_FALSE(OpenMetrics("text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
}

TEST(NegotiationTest, FollowsTheQualityNotTheOrder) {
  EXPECT_FALSE(OpenMetrics("application/openmetrics-text;q=0.4, text/plain;q=0.5"));
  EXPECT_TRUE(OpenMetrics("text/plain;q=0.4, application/openmetrics-text;q=0.5"));
  EXPECT_TRUE(OpenMetrics("*/*, text/plain;q=0"));
  EXPECT_TRUE(OpenMetrics("application/*;q=0.9, text/*;q=0.8"));
}

TEST(NegotiationTest, PrefersWhatIsNamedMoreExactlyThenTheFirst) {
  EXPECT_TRUE(OpenMetrics("application/openmetrics-text, */*"));
  EXPECT_FALSE(OpenMetrics("application/openmetrics-text, text/plain"));
  EXPECT_FALSE(OpenMetrics("*/*"));
  EXPECT_FALSE(OpenMetrics(""));
}

TEST(NegotiationTest, SendsTheFirstWhenNothingFits) {
  EXPECT_FALSE(OpenMetrics("application/json"));
  EXPECT_FALSE(OpenMetrics("application/openmetrics-text;version=2.0.0"));
  EXPECT_FALSE(OpenMetrics("application/openmetrics-text;q=0"));
  EXPECT_FALSE(OpenMetrics("application/openmetrics-text;q=nonsense"));
}

TEST(NegotiationTest, CompressesWhenItIsWanted) {
  EXPECT_TRUE(PrefersGzip("gzip"));
  EXPECT_TRUE(PrefersGzip("deflate, GZIP;q=0.5"));
  EXPECT_TRUE(PrefersGzip("*"));
  EXPECT_TRUE(PrefersGzip("x-gzip"));
  EXPECT_TRUE(PrefersGzip("gzip;q=0.5, identity;q=0.4"));
  EXPECT_FALSE(PrefersGzip(""));
  EXPECT_FALSE(PrefersGzip("br"));
  EXPECT_FALSE(PrefersGzip("gzip;q=0, *"));
  EXPECT_FALSE(PrefersGzip("gzip;q=0.4, identity"));
}

}  // namespace
}  // namespace penstock::metrics
