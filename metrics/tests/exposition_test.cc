// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>

#include <cstdlib>
#include <limits>
#include <set>
#include <sstream>
#include <string>

#include "penstock/metrics/bus_collector.h"
#include "snapshots.h"

namespace penstock::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

MetricFamily Family(MetricType type, std::string name, ClientMetric metric, std::string help = "") {
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = {std::move(metric)}};
}

ClientMetric Counted(double value) {
  ClientMetric metric;
  metric.counter.value = value;
  return metric;
}
ClientMetric Gauged(double value) {
  ClientMetric metric;
  metric.gauge.value = value;
  return metric;
}
ClientMetric Untyped(double value) {
  ClientMetric metric;
  metric.untyped.value = value;
  return metric;
}

TEST(OpenMetricsTest, EndsWithItsMark) { EXPECT_EQ(RenderOpenMetrics({}), "# EOF\n"); }

TEST(OpenMetricsTest, NamesACounterWithoutTotalAndItsSampleWithIt) {
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Counter, "a_total", Counted(3), "Help.")}),
            "# TYPE a counter\n# HELP a Help.\na_total 3\n# EOF\n");
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Counter, "a", Counted(3))}), "# TYPE a counter\na_total 3\n# EOF\n");
}

TEST(OpenMetricsTest, NamesTheUnitThatANameEndsIn) {
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Counter, "a_bytes_total", Counted(1))}),
            "# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total 1\n# EOF\n");
  EXPECT_THAT(RenderOpenMetrics({Family(MetricType::Gauge, "a_seconds", Gauged(1))}),
              HasSubstr("# UNIT a_seconds seconds\n"));
  EXPECT_THAT(RenderOpenMetrics({Family(MetricType::Gauge, "a_inbytes", Gauged(1))}), Not(HasSubstr("UNIT")));
}

TEST(OpenMetricsTest, EscapesHelpAndLabels) {
  ClientMetric metric = Gauged(1);
  metric.label = {{"l", "a\"b\\c\nd"}, {"m", ""}};
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Gauge, "a", metric, "a\"b\\c\nd")}),
            "# TYPE a gauge\n# HELP a a\\\"b\\\\c\\nd\na{l=\"a\\\"b\\\\c\\nd\",m=\"\"} 1\n# EOF\n");
}

TEST(OpenMetricsTest, WritesEveryNumberSoThatItReadsAsTheSame) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto text = [](double value) {
    const std::string all = RenderOpenMetrics({Family(MetricType::Gauge, "a", Gauged(value))});
    return all.substr(all.find("\na ") + 3, all.find("\n# EOF") - all.find("\na ") - 3);
  };
  EXPECT_EQ(text(kInfinity), "+Inf");
  EXPECT_EQ(text(-kInfinity), "-Inf");
  EXPECT_EQ(text(std::numeric_limits<double>::quiet_NaN()), "NaN");
  for (const double value : {0.0, -1.5, 1e300, 5e-324, 0.1, 9007199254740993.0})
    EXPECT_EQ(std::strtod(text(value).c_str(), nullptr), value);
}

TEST(OpenMetricsTest, WritesAHistogramWithAllItsBuckets) {
  ClientMetric metric;
  metric.label = {{"l", "v"}};
  metric.histogram = {.sample_count = 3, .sample_sum = 2.5, .bucket = {{1, 0.5}, {2, 1}}};
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Histogram, "h", metric)}),
            "# TYPE h histogram\n"
            "h_bucket{l=\"v\",le=\"0.5\"} 1\nh_bucket{l=\"v\",le=\"1.0\"} 2\nh_bucket{l=\"v\",le=\"+Inf\"} 3\n"
            "h_count{l=\"v\"} 3\nh_sum{l=\"v\"} 2.5\n# EOF\n");
  metric.histogram.bucket.push_back({3, std::numeric_limits<double>::infinity()});
  const std::string text = RenderOpenMetrics({Family(MetricType::Histogram, "h", metric)});
  EXPECT_EQ(text.find("+Inf"), text.rfind("+Inf"));
}

TEST(OpenMetricsTest, WritesSummariesAndUntypedValues) {
  ClientMetric metric;
  metric.summary = {.sample_count = 2, .sample_sum = 3, .quantile = {{0.5, 1}, {1, 2}}};
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Summary, "s", metric)}),
            "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"1.0\"} 2\ns_count 2\ns_sum 3\n# EOF\n");
  EXPECT_EQ(RenderOpenMetrics({Family(MetricType::Untyped, "u", Untyped(4))}), "# TYPE u unknown\nu 4\n# EOF\n");
}

TEST(OpenMetricsTest, WritesTimestampsInSeconds) {
  ClientMetric metric = Gauged(1);
  metric.timestamp_ms = 1'700'000'000'123;
  EXPECT_THAT(RenderOpenMetrics({Family(MetricType::Gauge, "a", metric)}), HasSubstr("\na 1 1700000000.123\n"));
}

// The samples of a bus have the same names in both formats, so that no series changes with the format.
TEST(OpenMetricsTest, HasTheSeriesOfTheTextFormat) {
  const auto series = [](const std::string& text) {
    std::set<std::string> names;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with('#')) names.insert(line.substr(0, line.find_first_of("{ ")));
    }
    return names;
  };
  const auto families = BusFamilies(LargeBus(3), {});
  EXPECT_EQ(series(RenderOpenMetrics(families)), series(RenderText(families)));
}

TEST(ReplyToScrapeTest, AnswersInTheFormatThatIsPreferred) {
  const std::vector<MetricFamily> families = {Family(MetricType::Gauge, "a", Gauged(1))};
  const HttpReply open =
      ReplyToScrape({.headers = {{"accept", "application/openmetrics-text;q=0.9,text/plain;q=0.5"}}}, families);
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_THAT(open.body, EndsWith("# EOF\n"));
  const HttpReply text = ReplyToScrape({}, families);
  EXPECT_EQ(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(text.body, Not(HasSubstr("EOF")));
}

class Fixed : public prometheus::Collectable {
 public:
  explicit Fixed(std::vector<MetricFamily> families) : families_(std::move(families)) {}
  std::vector<MetricFamily> Collect() const override { return families_; }

 private:
  const std::vector<MetricFamily> families_;
};

TEST(CollectAllTest, TellsEachFamilyOnce) {
  const auto first = std::make_shared<Fixed>(
      std::vector{Family(MetricType::Gauge, "a", Gauged(1)), Family(MetricType::Gauge, "b", Gauged(2))});
  const auto second = std::make_shared<Fixed>(
      std::vector{Family(MetricType::Gauge, "b", Gauged(3)), Family(MetricType::Counter, "a", Counted(4))});
  EXPECT_EQ(RenderOpenMetrics(CollectAll({first, nullptr, second})),
            "# TYPE a gauge\na 1\n# TYPE b gauge\nb 2\nb 3\n# EOF\n");
}

TEST(CollectAllTest, ReadsARegistry) {
  const auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("orders_total")
      .Help("Orders.")
      .Register(*registry)
      .Add({{"kind", "new"}})
      .Increment();
  EXPECT_THAT(RenderText(CollectAll({registry})), HasSubstr("orders_total{kind=\"new\"} 1\n"));
}

}  // namespace
}  // namespace penstock::metrics
