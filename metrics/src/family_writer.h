// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/actorpool/stats.h"

namespace penstock::metrics {

using Labels = std::vector<prometheus::ClientMetric::Label>;

/// Writes metric families, one after the other. Thread-compatible.
class FamilyWriter {
 public:
  /// `labels` are the first ones of every sample.
  explicit FamilyWriter(std::string metric_namespace, Labels labels = {})
      : namespace_(std::move(metric_namespace)), labels_(std::move(labels)) {}

  /// Begins the counter, or the gauge, `{namespace}_{name}`; its samples follow.
  void Counter(std::string_view name, std::string_view help);
  void Gauge(std::string_view name, std::string_view help);

  /// Adds a sample to the family begun last.
  void Sample(double value, Labels labels = {});

  /// Writes a whole histogram. `bounds_per_bucket` above 1 joins that many of the snapshot's buckets into one.
  void Histogram(std::string_view name, std::string_view help, const actorpool::LatencySnapshot& latency,
                 std::size_t bounds_per_bucket);

  /// Hands over what was written.
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  void Begin(prometheus::MetricType type, std::string_view name, std::string_view help);

  Labels WithOurs(Labels labels) const;

  std::string namespace_;
  Labels labels_;
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace penstock::metrics
