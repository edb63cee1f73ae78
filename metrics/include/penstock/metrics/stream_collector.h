// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/stats.h"

namespace penstock::metrics {

struct StreamCollectorOptions {
  /// Prefix of every family. A Prometheus metric name, `[A-Za-z_:][A-Za-z0-9_:]*`, of up to 128 bytes.
  std::string metric_namespace = "penstock";

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// The metric families of one snapshot of a stream registry, whose name is the label `registry`; docs/metrics.md lists
/// them all. `options` must pass `Validate()`.
std::vector<prometheus::MetricFamily> StreamFamilies(const actorpool::StreamRegistryStats& stats,
                                                     const StreamCollectorOptions& options);

/// Takes a snapshot of a stream registry on each scrape; register it with a Prometheus exposer, or let `Service` serve
/// it (`ServiceOptions::collectables`). 14 series, however many streams there are.
///
/// **Thread safety:** thread-safe, provided that the source is.
/// **Ownership:** owns the source; what the source refers to must outlive the collector.
/// **Blocking:** as long as the source does.
/// **Ordering:** none.
/// **Shutdown:** nothing to do.
class StreamCollector : public prometheus::Collectable {
 public:
  /// Returns the snapshot to show, for instance `[&registry] { return registry.Stats(); }`. Called once per scrape, on
  /// the thread that scrapes, possibly on several at once. Must not throw.
  using StatsSource = std::function<actorpool::StreamRegistryStats()>;

  /// `kInvalidArgument` for options out of range or an empty source.
  static absl::StatusOr<std::unique_ptr<StreamCollector>> Create(StatsSource source,
                                                                 StreamCollectorOptions options = {});

  std::vector<prometheus::MetricFamily> Collect() const override { return StreamFamilies(source_(), options_); }

 private:
  StreamCollector(StatsSource source, StreamCollectorOptions options)
      : source_(std::move(source)), options_(std::move(options)) {}

  StatsSource source_;
  StreamCollectorOptions options_;
};

}  // namespace penstock::metrics
