// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/stream_collector.h"
#include "snapshots.h"

namespace penstock::metrics {
namespace {

std::string_view TypeName(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Gauge:
      return "gauge";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "other";
  }
}

std::string LabelNames(const prometheus::MetricFamily& family) {
  std::string names;
  for (const auto& label : family.metric.front().label) names += (names.empty() ? "`" : ", `") + label.name + "`";
  return names.empty() ? "none" : names;
}

/// The families of a bus, and of a stream registry, as rows of docs/metrics.md.
std::set<std::string> RowsOfTheCode() {
  std::set<std::string> rows;
  std::vector<prometheus::MetricFamily> families = BusFamilies(SmallBus(), {.metric_namespace = "n"});
  for (auto& family : StreamFamilies(SmallRegistry(), {.metric_namespace = "n"})) families.push_back(std::move(family));
  for (const auto& family : families) {
    rows.insert("| `" + family.name.substr(2) + "` | " + std::string(TypeName(family.type)) + " | " +
                LabelNames(family) + " | " + family.help + " |");
  }
  return rows;
}

std::set<std::string> RowsOfTheDocument() {
  std::set<std::string> rows;
  std::ifstream file(PENSTOCK_METRICS_DOC);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `")) rows.insert(line);
  }
  return rows;
}

TEST(MetricsDocumentationTest, ListsEveryFamilyWithItsTypeLabelsAndMeaning) {
  EXPECT_THAT(RowsOfTheDocument(), testing::ContainerEq(RowsOfTheCode()));
}

}  // namespace
}  // namespace penstock::metrics
