// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "families.h"

namespace penstock::metrics {
namespace {

/// The label value of everything that is not shown by itself.
constexpr const char* kOtherLabel = "other";

template <typename Row>
struct Column {
  bool counter;
  const char* name;
  const char* help;
  std::uint64_t Row::*value;
};

constexpr std::array<Column<TopicPublishStats>, 4> kPublishColumns = {{
    {true, "published_total", "Messages published, with PubAck.", &TopicPublishStats::published},
    {true, "publish_duplicates_total", "Published messages whose ID the server already knew.",
     &TopicPublishStats::duplicates},
    {true, "publish_failed_total", "Messages reported to their publisher as failed.", &TopicPublishStats::failed},
    {true, "published_bytes_total", "Bytes in the bodies of published messages.", &TopicPublishStats::bytes},
}};

constexpr std::array<Column<SubscriptionStats>, 24> kSubscriptionColumns = {{
    {true, "received_total", "Deliveries that arrived, redeliveries included.", &SubscriptionStats::received},
    {true, "redelivered_total", "Received messages that had been delivered before.", &SubscriptionStats::redelivered},
    {true, "duplicates_total",
     "Redeliveries without a Nak of messages that were in flight or finished; not handled again.",
     &SubscriptionStats::duplicates},
    {true, "acked_total", "Messages acknowledged.", &SubscriptionStats::acked},
    {true, "naks_total", "Naks: messages requested again.", &SubscriptionStats::naks},
    {true, "terminated_total", "Messages ended for good, each after its dead letter was stored.",
     &SubscriptionStats::terminated},
    {true, "undecodable_total",
     "Messages whose body was no envelope, or whose aggregate ID differed from that in the header.",
     &SubscriptionStats::undecodable},
    {true, "resubscribes_total", "New inboxes subscribed to, after reconnects, gaps and missed heartbeats.",
     &SubscriptionStats::resubscribes},
    {true, "gone_total", "Messages that were to run again and were deleted from their stream meanwhile.",
     &SubscriptionStats::gone},
    {true, "answers_refused_total", "Acknowledgements that the server refused for lack of permission.",
     &SubscriptionStats::answers_refused},
    {true, "skipped_total", "Messages redriven for another durable of the topic; acknowledged without being handled.",
     &SubscriptionStats::skipped},
    {true, "stored_twice_total",
     "Copies that the server stored of events that were finished here; acknowledged without being handled.",
     &SubscriptionStats::stored_twice},
    {true, "dropped_total", "Messages dropped since the queue of their subscriber was full.",
     &SubscriptionStats::dropped},
    {true, "disconnects_total", "Subscriptions that ended since their queue was full.",
     &SubscriptionStats::disconnects},
    {true, "evicted_total", "Messages evicted for lack of memory, and requested again.", &SubscriptionStats::evicted},
    {true, "circuit_opened_total", "Times that the circuit breaker opened: message after message failed.",
     &SubscriptionStats::circuit_opened},
    {false, "in_flight", "Messages received and neither acknowledged nor terminated.", &SubscriptionStats::in_flight},
    {false, "in_flight_bytes", "Bytes of messages in flight that are in memory here.",
     &SubscriptionStats::in_flight_bytes},
    {false, "window", "Messages that may be in flight now.", &SubscriptionStats::window},
    {false, "parked", "Messages in flight that wait behind an earlier message of their key.",
     &SubscriptionStats::parked},
    {false, "held_keys",
     "Messages that wait for a back-off, or for their redelivery after an eviction; the keys of such messages wait "
     "with them.",
     &SubscriptionStats::held_keys},
    {false, "quarantined_keys",
     "Keys whose new messages go to the dead letters until their letters have been redriven and handled.",
     &SubscriptionStats::quarantined_keys},
    {false, "stuck_handlers", "Handlers that run for longer than the subscription's limit.",
     &SubscriptionStats::stuck_handlers},
    {false, "lag", "Messages not delivered yet, as of the last delivery.", &SubscriptionStats::lag},
}};

template <typename Row, std::size_t kSize>
void Add(const std::array<Column<Row>, kSize>& columns, const Row& from, Row& to) {
  for (const Column<Row>& column : columns) to.*column.value += from.*column.value;
}

using PublishRows = std::map<std::string, TopicPublishStats>;
using SubscriptionRows = std::map<std::pair<std::string, std::string>, SubscriptionStats>;

// Rows that end up with the same labels are added: series must be unique.
PublishRows FoldTopics(const BusStats& stats, LabelCap& cap) {
  PublishRows rows;
  for (const TopicPublishStats& topic : stats.topics) {
    Add(kPublishColumns, topic, rows[cap.Admit(topic.topic) ? topic.topic : kOtherLabel]);
  }
  return rows;
}

std::pair<std::string, std::string> NamesOf(const SubscriptionStats& subscription, LabelCap& cap) {
  if (cap.Admit(subscription.topic + '\0' + subscription.durable)) return {subscription.topic, subscription.durable};
  return {kOtherLabel, kOtherLabel};
}

SubscriptionRows FoldSubscriptions(const BusStats& stats, LabelCap& cap) {
  SubscriptionRows rows;
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    const auto [row, is_new] = rows.try_emplace(NamesOf(subscription, cap));
    row->second.active = subscription.active && (is_new || row->second.active);
    row->second.standing_by |= subscription.standing_by;
    row->second.degraded |= subscription.degraded;
    Add(kSubscriptionColumns, subscription, row->second);
  }
  for (const SubscriptionStats& ended : stats.ended_subscriptions) {
    Add(kSubscriptionColumns, ended, rows[NamesOf(ended, cap)]);
  }
  return rows;
}

Labels LabelsOf(const std::string& topic) { return {{.name = "topic", .value = topic}}; }

Labels LabelsOf(const std::pair<std::string, std::string>& names) {
  return {{.name = "topic", .value = names.first}, {.name = "durable", .value = names.second}};
}

template <typename Row, std::size_t kSize, typename Rows>
void Write(const std::array<Column<Row>, kSize>& columns, const Rows& rows, FamilyWriter& out) {
  for (const Column<Row>& column : columns) {
    column.counter ? out.Counter(column.name, column.help) : out.Gauge(column.name, column.help);
    for (const auto& [names, row] : rows) out.Sample(static_cast<double>(row.*column.value), LabelsOf(names));
  }
}

}  // namespace

void WriteTopicFamilies(const BusStats& stats, TopicCaps& caps, FamilyWriter& out) {
  Write(kPublishColumns, FoldTopics(stats, caps.topics), out);
  const SubscriptionRows subscriptions = FoldSubscriptions(stats, caps.subscriptions);
  Write(kSubscriptionColumns, subscriptions, out);
  out.Gauge("subscription_active", "1 while it receives, 0 while it stands by or is disconnected.");
  for (const auto& [names, row] : subscriptions) out.Sample(row.active ? 1 : 0, LabelsOf(names));
  out.Gauge("subscription_standing_by", "1 while another process owns the durable and this one would take over.");
  for (const auto& [names, row] : subscriptions) out.Sample(row.standing_by ? 1 : 0, LabelsOf(names));
  out.Gauge("subscription_degraded", "1 during an outage: one message at a time is tried until one succeeds.");
  for (const auto& [names, row] : subscriptions) out.Sample(row.degraded ? 1 : 0, LabelsOf(names));
}

}  // namespace penstock::metrics
