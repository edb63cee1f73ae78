// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "penstock/metrics/bus_collector.h"
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

/// The families of a bus as rows of docs/metrics.md.
std::set<std::string> RowsOfTheCode() {
  std::set<std::string> rows;
  for (const auto& family : BusFamilies(SmallBus(), {.metric_namespace = "n"})) {
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
