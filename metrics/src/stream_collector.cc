// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/stream_collector.h"

#include <cstdint>
#include <string_view>

#include "families.h"
#include "family_writer.h"

namespace penstock::metrics {
namespace {

using actorpool::StreamRegistryStats;
using actorpool::StreamStats;

/// Writes families of one sample.
class SingleSamples {
 public:
  explicit SingleSamples(FamilyWriter& out) : out_(out) {}

  void Counter(std::string_view name, std::string_view help, std::uint64_t value) {
    out_.Counter(name, help);
    out_.Sample(static_cast<double>(value));
  }
  void Gauge(std::string_view name, std::string_view help, std::size_t value) {
    out_.Gauge(name, help);
    out_.Sample(static_cast<double>(value));
  }

 private:
  FamilyWriter& out_;
};

void WriteGauges(const StreamRegistryStats& stats, FamilyWriter& families) {
  SingleSamples out(families);
  out.Gauge("stream_registry_streams", "Streams registered.", stats.streams);
  out.Gauge("stream_registry_streams_ending", "Streams unregistered, whose accepted messages have not all ended.",
            stats.ending);
  out.Gauge("stream_registry_streams_near_full", "Streams whose queue is nearly full.", stats.total.near_full);
  out.Gauge("stream_registry_streams_running", "Streams whose callback runs.", stats.total.running);
  out.Gauge("stream_registry_queue_depth", "Messages accepted and not yet begun.", stats.total.queued);
}

void WriteCounters(const StreamRegistryStats& stats, FamilyWriter& families) {
  SingleSamples out(families);
  const StreamStats& total = stats.total;
  out.Counter("stream_registry_messages_sent_total", "Messages accepted into the queue of a stream.", total.accepted);
  families.Counter("stream_registry_messages_processed_total", "Messages whose callback ended, by success.");
  families.Sample(static_cast<double>(total.succeeded), {{.name = "success", .value = "true"}});
  families.Sample(static_cast<double>(total.failed), {{.name = "success", .value = "false"}});
  out.Counter("stream_registry_messages_dropped_total", "Accepted messages that ended without being handled.",
              total.dropped);
  out.Counter("stream_registry_messages_refused_total",
              "Messages not accepted, since the queue of their stream was full.", total.refused);
  out.Counter("stream_registry_messages_unknown_total", "Messages not accepted, since their stream was not registered.",
              stats.unknown);
  out.Counter("stream_registry_near_full_total", "Times the queue of a stream became nearly full.",
              total.near_full_rises);
  out.Counter("stream_registry_stream_restarted_total", "Restarts of streams whose callback threw.", total.restarts);
  out.Counter("stream_registry_stream_suspended_total", "Times a stream used up its restarts and was suspended.",
              total.suspensions);
}

}  // namespace

absl::Status StreamCollectorOptions::Validate() const { return CheckNamespace(metric_namespace); }

std::vector<prometheus::MetricFamily> StreamFamilies(const StreamRegistryStats& stats,
                                                     const StreamCollectorOptions& options) {
  FamilyWriter out(options.metric_namespace, {{.name = "registry", .value = stats.name}});
  WriteGauges(stats, out);
  WriteCounters(stats, out);
  return out.Take();
}

absl::StatusOr<std::unique_ptr<StreamCollector>> StreamCollector::Create(StatsSource source,
                                                                         StreamCollectorOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  if (!source) {
    return absl::InvalidArgumentError("create stream collector: the source is empty; pass one that returns stats");
  }
  return std::unique_ptr<StreamCollector>(new StreamCollector(std::move(source), std::move(options)));
}

}  // namespace penstock::metrics
