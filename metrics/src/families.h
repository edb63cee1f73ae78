// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "family_writer.h"
#include "penstock/eventbus/stats.h"
#include "penstock/metrics/bus_collector.h"

namespace penstock::metrics {

/// Decides which names get series of their own: the first `capacity` different ones, for good. Thread-compatible.
class LabelCap {
 public:
  explicit LabelCap(std::size_t capacity) : capacity_(capacity) {}

  /// Whether `name` is shown by itself. The answer for a name never changes.
  bool Admit(const std::string& name) {
    return admitted_.contains(name) || (admitted_.size() < capacity_ && admitted_.insert(name).second);
  }

 private:
  std::size_t capacity_;
  std::set<std::string> admitted_;
};

/// `kInvalidArgument` when `metric_namespace` is no name of a metric.
absl::Status CheckNamespace(const std::string& metric_namespace);

/// Which topics, and which pairs of topic and durable, are shown by name.
struct TopicCaps {
  explicit TopicCaps(const CollectorOptions& options) : topics(options.max_topics), subscriptions(options.max_topics) {}
  LabelCap topics;
  LabelCap subscriptions;
};

/// `{namespace}_actor_pool_...`
void WritePoolFamilies(const BusStats& stats, const CollectorOptions& options, FamilyWriter& out);

/// The families with the label `topic`.
void WriteTopicFamilies(const BusStats& stats, TopicCaps& caps, FamilyWriter& out);

/// All families of a bus.
std::vector<prometheus::MetricFamily> AllFamilies(const BusStats& stats, const CollectorOptions& options,
                                                  TopicCaps& caps);

}  // namespace penstock::metrics
