// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/consumer_api.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "jetstream/api/api_error.h"
#include "jetstream/api/stream_api.h"
#include "naming/timestamp.h"
#include "transport/refusal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::seconds kCreationSlack(1);
constexpr std::chrono::minutes kReplicasDiffer(10);

constexpr std::array kDeliverPolicies = {"all", "new", "by_start_sequence"};  // in the order of `StartPoint::Kind`

bool Within(std::chrono::seconds slack, const std::string& one, const std::string& other) {
  const auto first = ParseTimestamp(one), second = ParseTimestamp(other);
  if (!first || !second) return one == other;
  return std::chrono::abs(*first - *second) <= slack;
}

}  // namespace

Json ConsumerConfig(const ConsumerSpec& spec, const std::string& name, const std::string& deliver_subject,
                    const StartPoint& start) {
  Json config = {{"filter_subject", spec.filter_subject}, {"replay_policy", "instant"}, {"max_deliver", -1}};
  config["deliver_policy"] = kDeliverPolicies[static_cast<std::size_t>(start.kind)];
  if (start.kind == StartPoint::Kind::kSequence) config["opt_start_seq"] = start.sequence;
  if (spec.kind == ConsumerKind::kAtMostOnce) {
    config["ack_policy"] = "none";
    config["mem_storage"] = true;
  } else {
    config["ack_policy"] = spec.ack_all ? "all" : "explicit";
    config["ack_wait"] = std::chrono::nanoseconds(spec.ack_wait).count();
    // Competing owners share this number, so that a dead one's messages would stop the others; each is bounded by its
    // own credit.
    const bool shared = spec.kind == ConsumerKind::kShared;
    config["max_ack_pending"] = shared ? -1 : static_cast<std::int64_t>(spec.max_in_flight);
  }
  if (spec.kind == ConsumerKind::kExclusive) {
    config["deliver_subject"] = deliver_subject;
    config["idle_heartbeat"] = std::chrono::nanoseconds(kPushHeartbeat).count();
  }
  if (spec.consumer.empty()) {
    config["name"] = name;
    config["inactive_threshold"] = std::chrono::nanoseconds(spec.inactive_after).count();
  } else {
    config["durable_name"] = name;
  }
  return config;
}

absl::StatusOr<ConsumerFacts> ReadConsumerFacts(const Json& reply) {
  ConsumerFacts facts;
  facts.config = Member(reply, "config");
  if (!facts.config.is_object()) {
    return absl::InternalError("JetStream API: the reply does not describe a consumer");
  }
  facts.deliver_subject = StringMember(facts.config, "deliver_subject");
  facts.bound = BoolMember(reply, "push_bound");
  facts.released = IsReleased(facts.config);
  facts.created = StringMember(reply, "created");
  facts.tag = TagOf(facts.config);
  facts.acknowledged = UintMember(Member(reply, "ack_floor"), "stream_seq").value_or(0);
  facts.acknowledged_deliveries = UintMember(Member(reply, "ack_floor"), "consumer_seq").value_or(0);
  facts.delivered = UintMember(Member(reply, "delivered"), "stream_seq").value_or(0);
  facts.deliveries = UintMember(Member(reply, "delivered"), "consumer_seq").value_or(0);
  facts.pending = UintMember(reply, "num_ack_pending").value_or(0);
  facts.undelivered = UintMember(reply, "num_pending").value_or(0);
  return facts;
}

bool SameTime(const std::string& created, const std::string& other) { return Within(kCreationSlack, created, other); }

bool SameConsumer(const ConsumerIdentity& one, const ConsumerIdentity& other) {
  if (one.tag.empty() || other.tag.empty()) return SameTime(one.created, other.created);
  return one.tag == other.tag && Within(kReplicasDiffer, one.created, other.created);
}

// While nothing is acknowledged, every delivery is pending. Redeliveries count as used: then the consumer is kept.
bool IsUnusedReplacement(const ConsumerFacts& facts, const std::string& created) {
  const bool unused = facts.acknowledged_deliveries == 0 && facts.deliveries == facts.pending;
  return unused && !SameTime(facts.created, created);
}

absl::StatusOr<std::optional<ConsumerFacts>> LookUpConsumer(ApiClient& api, const std::string& stream,
                                                            const std::string& name, const std::stop_token& stop,
                                                            std::chrono::milliseconds budget) {
  const absl::StatusOr<ApiReply> reply =
      api.Call(absl::StrCat("CONSUMER.INFO.", stream, ".", name), Json(), budget, stop);
  if (!reply.ok()) return reply.status();
  if (reply->Refused(api_code::kConsumerNotFound)) return std::nullopt;
  if (reply->error) {
    absl::Status status = ApiStatus(absl::StrCat("look up consumer \"", name, "\""), *reply->error);
    return reply->Refused(api_code::kStreamNotFound) ? MarkedAsStreamMissing(std::move(status)) : status;
  }
  return ReadConsumerFacts(reply->body);
}

// Without a threshold of its own it gets the one of the stream's limits.
absl::StatusOr<ApiReply> MakeEphemeral(ApiClient& api, const std::string& stream, Json config,
                                       std::chrono::milliseconds budget, const std::stop_token& stop) {
  const std::string subject = absl::StrCat("CONSUMER.CREATE.", stream, ".", StringMember(config, "name"));
  const auto ask = [&] { return api.Call(subject, {{"stream_name", stream}, {"config", config}}, budget, stop); };
  absl::StatusOr<ApiReply> reply = ask();
  if (!reply.ok() || !reply->Refused(api_code::kInactiveThresholdOverLimit)) return reply;
  config.erase("inactive_threshold");
  return ask();
}

absl::StatusOr<ConsumerFacts> PutConsumer(ApiClient& api, const std::string& stream, const Json& config,
                                          const std::stop_token& stop, std::chrono::milliseconds budget) {
  const std::string durable = StringMember(config, "durable_name");
  const std::string name = durable.empty() ? StringMember(config, "name") : durable;
  const absl::StatusOr<ApiReply> reply = durable.empty()
                                             ? MakeEphemeral(api, stream, config, budget, stop)
                                             : api.Call(absl::StrCat("CONSUMER.DURABLE.CREATE.", stream, ".", name),
                                                        {{"stream_name", stream}, {"config", config}}, budget, stop);
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(absl::StrCat("make consumer \"", name, "\""), *reply->error);
  return ReadConsumerFacts(reply->body);
}

absl::Status DeleteConsumer(ApiClient& api, const std::string& stream, const std::string& name,
                            const std::stop_token& stop) {
  const absl::StatusOr<ApiReply> reply =
      api.Call(absl::StrCat("CONSUMER.DELETE.", stream, ".", name), Json(), kApiBudget, stop);
  if (!reply.ok()) return reply.status();
  if (!reply->error || reply->Refused(api_code::kConsumerNotFound)) return absl::OkStatus();
  return ApiStatus(absl::StrCat("delete consumer \"", name, "\""), *reply->error);
}

}  // namespace penstock::eventbus::jetstream
