// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "families.h"

namespace penstock::metrics {
namespace {

// `FamilyWriter::Histogram` writes the last bound of each group of so many, and none of an incomplete group.
constexpr std::size_t kBoundsPerPublishBucket = 2;
static_assert(actorpool::LatencySnapshot::kUpperBoundsSeconds.size() % kBoundsPerPublishBucket == 0,
              "the last finite bound must be kept");

std::uint64_t Sum(const BusStats& stats, std::uint64_t SubscriptionStats::*counter) {
  std::uint64_t sum = 0;
  for (const SubscriptionStats& one : stats.subscriptions) sum += one.*counter;
  for (const SubscriptionStats& one : stats.ended_subscriptions) sum += one.*counter;
  return sum;
}

std::uint64_t ReadingLetters(const BusStats& stats) {
  std::uint64_t reading = 0;
  for (const SubscriptionStats& one : stats.subscriptions) reading += one.reading_letters ? 1 : 0;
  return reading;
}

void WriteConnectionFamilies(const BusStats& stats, FamilyWriter& out) {
  const ConnectionStats& connection = stats.connection;
  out.Gauge("connected", "1 while the server can be reached, else 0.");
  out.Sample(connection.connected ? 1 : 0);
  out.Counter("reconnects_total", "Connections made after the first.");
  out.Sample(static_cast<double>(connection.reconnects));
  out.Gauge(
      "publishes_pending",
      "Messages accepted for sending whose PubAck has not come, those that wait behind another of their aggregate "
      "included.");
  out.Sample(static_cast<double>(connection.publishes_pending));
  out.Counter(
      "publish_retries_total",
      "Messages sent again with their message IDs: after a reconnect, when the server could not store them, or when "
      "it did not answer. 0 while the server is well.");
  out.Sample(static_cast<double>(connection.publish_retries));
  out.Counter("storage_mismatch_total", "Existing streams whose storage differs from the requested one.");
  out.Sample(static_cast<double>(stats.storage_mismatches));
  out.Counter("stream_warnings_total", "Settings of existing streams that were warned of, except their storage.");
  out.Sample(static_cast<double>(stats.stream_warnings));
  out.Gauge("delayed_waiting", "Delayed messages that this process, as the owner of the relay, is to publish.");
  out.Sample(static_cast<double>(stats.delayed.waiting));
  out.Gauge("delayed_overdue_seconds", "How long the oldest of them has been due.");
  out.Sample(std::chrono::duration<double>(stats.delayed.overdue).count());
  out.Counter("delayed_relayed_total", "Delayed messages that were published when they were due.");
  out.Sample(static_cast<double>(stats.delayed.relayed));
  out.Counter("letters_kept_total",
              "Dead letters whose messages were redriven and finished, and which the server refused to remove.");
  out.Sample(static_cast<double>(Sum(stats, &SubscriptionStats::letters_kept)));
  out.Counter("timed_out_total", "Failed messages whose handler took longer than its time limit.");
  out.Sample(static_cast<double>(Sum(stats, &SubscriptionStats::timed_out)));
  out.Counter("expired_total", "Messages that were too old to be handled: dropped, or sent to the dead letters.");
  out.Sample(static_cast<double>(Sum(stats, &SubscriptionStats::expired)));
  out.Gauge("subscriptions_reading_letters",
            "Subscriptions that handle nothing until they have read which keys are quarantined.");
  out.Sample(static_cast<double>(ReadingLetters(stats)));
  out.Histogram("publish_latency_seconds", "Time from the call to the PubAck.", stats.publish_latency,
                kBoundsPerPublishBucket);
  out.Gauge("build_info", "Always 1; the labels tell the version and the transport.");
  out.Sample(1, {{.name = "version", .value = PENSTOCK_VERSION}, {.name = "transport", .value = stats.transport}});
}

std::vector<prometheus::MetricFamily> Families(const BusStats& stats, const CollectorOptions& options, TopicCaps& caps,
                                               FamilyWriter& out) {
  WritePoolFamilies(stats, options, out);
  WriteTopicFamilies(stats, caps, out);
  WriteConnectionFamilies(stats, out);
  return out.Take();
}

}  // namespace

std::vector<prometheus::MetricFamily> AllFamilies(const BusStats& stats, const CollectorOptions& options,
                                                  TopicCaps& caps) {
  const auto named = [&](std::string_view otherwise) {
    return options.metric_namespace.empty() ? std::string(otherwise) : options.metric_namespace;
  };
  const Labels label = {{.name = "client_id", .value = stats.client_id}};
  std::vector<prometheus::MetricFamily> families;
  if (options.client_id_in != ClientIdIn::kLabel) {
    FamilyWriter out(named(DefaultNamespace(stats.client_id)));
    families = Families(stats, options, caps, out);
  }
  if (options.client_id_in != ClientIdIn::kName) {
    const bool alone = options.client_id_in == ClientIdIn::kLabel;
    FamilyWriter out(alone ? named(kFixedNamespace) : std::string(kFixedNamespace), label);
    std::ranges::move(Families(stats, options, caps, out), std::back_inserter(families));
  }
  return families;
}

std::vector<prometheus::MetricFamily> BusFamilies(const BusStats& stats, const CollectorOptions& options) {
  TopicCaps caps(options);
  return AllFamilies(stats, options, caps);
}

}  // namespace penstock::metrics
