// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>

namespace penstock::metrics {

/// Writes families as OpenMetrics text, version 1.0.0. Thread-compatible.
class OpenMetricsWriter {
 public:
  void Write(const prometheus::MetricFamily& family);

  /// The whole text, with its end mark.
  std::string Take() &&;

 private:
  void WriteHead(std::string_view name, std::string_view type, std::string_view help);
  void WriteMetric(const std::string& name, prometheus::MetricType type, const prometheus::ClientMetric& metric);
  void WriteSummary(const std::string& name, const prometheus::ClientMetric& metric);
  void WriteHistogram(const std::string& name, const prometheus::ClientMetric& metric);
  /// One line. `extra`: a label beside those of the metric, without one when its name is empty.
  void WriteSample(const std::string& name, const prometheus::ClientMetric& metric,
                   const prometheus::ClientMetric::Label& extra, std::string_view value);

  std::string text_{};
};

}  // namespace penstock::metrics
