// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "family_writer.h"
#include "label_cap.h"
#include "penstock/eventbus/stats.h"
#include "penstock/metrics/bus_collector.h"

namespace penstock::metrics {

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
