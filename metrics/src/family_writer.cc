// SPDX-License-Identifier: Apache-2.0
#include "family_writer.h"

#include <limits>

namespace penstock::metrics {

using prometheus::MetricType;

void FamilyWriter::Begin(MetricType type, std::string_view name, std::string_view help) {
  prometheus::MetricFamily family;
  family.name = namespace_ + "_" + std::string(name);
  family.help = std::string(help);
  family.type = type;
  families_.push_back(std::move(family));
}

void FamilyWriter::Counter(std::string_view name, std::string_view help) { Begin(MetricType::Counter, name, help); }

void FamilyWriter::Gauge(std::string_view name, std::string_view help) { Begin(MetricType::Gauge, name, help); }

Labels FamilyWriter::WithOurs(Labels labels) const {
  labels.insert(labels.begin(), labels_.begin(), labels_.end());
  return labels;
}

void FamilyWriter::Sample(double value, Labels labels) {
  prometheus::MetricFamily& family = families_.back();
  prometheus::ClientMetric metric;
  metric.label = WithOurs(std::move(labels));
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

void FamilyWriter::Histogram(std::string_view name, std::string_view help, const actorpool::LatencySnapshot& latency,
                             std::size_t bounds_per_bucket) {
  Begin(MetricType::Histogram, name, help);
  const auto& bounds = actorpool::LatencySnapshot::kUpperBoundsSeconds;
  prometheus::ClientMetric metric;
  metric.label = labels_;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    cumulative += latency.counts[i];
    if ((i + 1) % bounds_per_bucket == 0) {
      metric.histogram.bucket.push_back({.cumulative_count = cumulative, .upper_bound = bounds[i]});
    }
  }
  // The snapshot's fields are read one by one while observations go on; a total taken from the buckets always fits
  // them.
  cumulative += latency.counts.back();
  metric.histogram.bucket.push_back(
      {.cumulative_count = cumulative, .upper_bound = std::numeric_limits<double>::infinity()});
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = latency.sum_seconds;
  families_.back().metric.push_back(std::move(metric));
}

}  // namespace penstock::metrics
