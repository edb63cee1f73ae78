// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/stats.h"

namespace penstock::metrics {

/// Where the client ID is in the metrics of a bus.
enum class ClientIdIn {
  kName,   ///< in the namespace: `nats_eventbus_billing_received_total`
  kLabel,  ///< in the label `client_id`, of every series: `penstock_received_total{client_id="billing"}`; one rule or
           ///< dashboard fits all services
  kBoth,   ///< both, at twice the series: for the time of a change from one to the other
};

struct CollectorOptions {
  ClientIdIn client_id_in = ClientIdIn::kName;
  /// Prefix of the families' names. Empty: `DefaultNamespace` of the bus's client ID; with `kLabel`, `kFixedNamespace`.
  /// With `kBoth` it is the prefix of the families without the label; those with the label have `kFixedNamespace`. A
  /// Prometheus metric name, `[A-Za-z_:][A-Za-z0-9_:]*`, of up to 128 bytes.
  std::string metric_namespace{};
  /// Topics shown by name. The first ones seen keep their names; the counts of all further ones appear under
  /// `topic="other"`. The same holds for pairs of topic and durable. A topic costs 4 series, a pair 25; with 5 of each
  /// a bus has about 225 series. Range 1 to 1,000.
  std::size_t max_topics = 5;
  /// Reports the actor pool's families per actor (label `actor_id`) instead of in total: 8 series per actor, about
  /// 2,000 for 256 actors.
  bool per_actor = false;

  /// `kInvalidArgument` naming the field that is out of range.
  absl::Status Validate() const;
};

/// The namespace of families that have the label `client_id`.
inline constexpr std::string_view kFixedNamespace = "penstock";

/// `nats_eventbus_{client_id}`, every byte outside `[A-Za-z0-9_]` written as `_`.
std::string DefaultNamespace(std::string_view client_id);

/// The metric families of one snapshot; docs/metrics.md lists them all. `options` must pass `Validate()`. The first
/// topics of the snapshot are those shown by name.
std::vector<prometheus::MetricFamily> BusFamilies(const BusStats& stats, const CollectorOptions& options);

/// Takes a snapshot of a bus on each scrape; register it with a Prometheus exposer, or let `Service` serve it.
///
/// **Thread safety:** thread-safe, provided that the source is.
/// **Ownership:** owns the source; what the source refers to must outlive the collector.
/// **Blocking:** as long as the source does.
/// **Ordering:** none; a topic that was once shown by name is always shown by name.
/// **Shutdown:** nothing to do.
class BusCollector : public prometheus::Collectable {
 public:
  /// Returns the snapshot to show, for instance `[&bus] { return bus.Stats(); }`. Called once per scrape, on the thread
  /// that scrapes, possibly on several at once. Must not throw.
  using StatsSource = std::function<BusStats()>;

  /// `kInvalidArgument` for options out of range or an empty source.
  static absl::StatusOr<std::unique_ptr<BusCollector>> Create(StatsSource source, CollectorOptions options = {});

  ~BusCollector() override;
  BusCollector(const BusCollector&) = delete;
  BusCollector& operator=(const BusCollector&) = delete;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  class Core;
  explicit BusCollector(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace penstock::metrics
