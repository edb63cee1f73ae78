// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/stream_api.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jetstream/api/api_error.h"
#include "transport/refusal.h"

namespace penstock::eventbus::jetstream {
namespace {

std::string About(const StreamSpec& spec) {
  return absl::StrCat("make stream \"", spec.name, "\" for \"", absl::StrJoin(spec.subjects, "\", \""), "\"");
}

absl::Status LookUpRefused(const std::string& stream, const ApiError& error) {
  absl::Status refusal = ApiStatus(absl::StrCat("look up stream \"", stream, "\""), error);
  return error.err_code == api_code::kStreamNotFound ? MarkedAsStreamMissing(std::move(refusal)) : refusal;
}

absl::StatusOr<StreamFacts> FactsOf(const StreamSpec& spec, const absl::StatusOr<ApiReply>& reply) {
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(About(spec), *reply->error);
  return ReadStreamFacts(reply->body);
}

// An unlimited limit is -1, 0, or left out, depending on server and setting.
std::int64_t Limit(const Json& config, const char* name) {
  return std::max<std::int64_t>(IntMember(config, name).value_or(0), 0);
}

std::chrono::nanoseconds Time(const Json& config, const char* name) {
  return std::chrono::nanoseconds(Limit(config, name));
}

Retention RetentionOf(const Json& config) {
  const std::string retention = StringMember(config, "retention");
  if (retention == "interest") return Retention::kInterest;
  return retention == "workqueue" ? Retention::kWorkQueue : Retention::kLimits;
}

std::optional<SubjectTransform> TransformOf(const Json& config) {
  const Json& transform = Member(config, "subject_transform");
  if (!transform.is_object()) return std::nullopt;
  return SubjectTransform{StringMember(transform, "src"), StringMember(transform, "dest")};
}

std::vector<std::string> SourcesOf(const Json& config) {
  std::vector<std::string> names;
  for (const Json& source : Member(config, "sources")) {
    if (std::string name = StringMember(source, "name"); !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

void ReadLimits(const Json& config, StreamFacts& facts) {
  facts.max_messages = Limit(config, "max_msgs");
  facts.max_messages_per_subject = Limit(config, "max_msgs_per_subject");
  facts.max_bytes = Limit(config, "max_bytes");
  facts.max_message_bytes = Limit(config, "max_msg_size");
  facts.max_age = Time(config, "max_age");
  facts.duplicate_window = Time(config, "duplicate_window");
  facts.marker_ttl = Time(config, "subject_delete_marker_ttl");
  facts.replicas = static_cast<int>(std::max<std::int64_t>(Limit(config, "num_replicas"), 1));
}

void ReadPolicies(const Json& config, StreamFacts& facts) {
  facts.retention = RetentionOf(config);
  facts.discard = StringMember(config, "discard") == "new" ? Discard::kNew : Discard::kOld;
  facts.discard_new_per_subject = BoolMember(config, "discard_new_per_subject");
  facts.no_ack = BoolMember(config, "no_ack");
  facts.sealed = BoolMember(config, "sealed");
  facts.denies_delete = BoolMember(config, "deny_delete");
  facts.allows_rollup = BoolMember(config, "allow_rollup_hdrs");
  facts.counts = BoolMember(config, "allow_msg_counter");
  facts.persists_later = StringMember(config, "persist_mode") == "async";
  facts.mirror_of = StringMember(Member(config, "mirror"), "name");
  facts.sources = SourcesOf(config);
  facts.subject_transform = TransformOf(config);
}

}  // namespace

Json StreamConfig(const StreamSpec& spec) {
  const std::int64_t max_age = std::chrono::nanoseconds(spec.max_age).count();
  const std::int64_t window = std::chrono::nanoseconds(spec.duplicate_window).count();
  Json config = {{"name", spec.name},
                 {"subjects", spec.subjects},
                 {"retention", "limits"},
                 {"storage", std::string(StorageName(spec.storage))},
                 {"discard", spec.discard == Discard::kNew ? "new" : "old"},
                 {"max_consumers", -1},
                 {"max_msgs", -1},
                 {"max_bytes", spec.max_bytes > 0 ? spec.max_bytes : -1},
                 {"max_age", max_age},
                 {"max_msg_size", spec.max_message_bytes > 0 ? spec.max_message_bytes : -1},
                 {"num_replicas", spec.replicas},
                 {"duplicate_window", max_age > 0 ? std::min(window, max_age) : window}};
  if (spec.max_messages_per_subject > 0) config["max_msgs_per_subject"] = spec.max_messages_per_subject;
  return config;
}

absl::StatusOr<StreamFacts> ReadStreamFacts(const Json& reply) {
  const Json& config = Member(reply, "config");
  const std::string storage = StringMember(config, "storage");
  if (storage != StorageName(Storage::kFile) && storage != StorageName(Storage::kMemory)) {
    return absl::InternalError("JetStream API: the reply does not describe a stream");
  }
  StreamFacts facts;
  facts.subjects = StringsMember(config, "subjects");
  facts.storage = storage == StorageName(Storage::kFile) ? Storage::kFile : Storage::kMemory;
  facts.consumers = UintMember(Member(reply, "state"), "consumer_count").value_or(0);
  ReadPolicies(config, facts);
  ReadLimits(config, facts);
  return facts;
}

absl::StatusOr<StreamFacts> EnsureStream(ApiClient& api, const StreamSpec& spec, const std::stop_token& stop) {
  const auto ask = [&] { return api.Call("STREAM.INFO." + spec.name, Json(), kOpenBudget, stop); };
  const absl::StatusOr<ApiReply> present = ask();
  if (absl::IsPermissionDenied(present.status())) return MarkedAsUnseen(present.status());
  if (!present.ok() || !present->Refused(api_code::kStreamNotFound)) return FactsOf(spec, present);
  const absl::StatusOr<ApiReply> made = api.Call("STREAM.CREATE." + spec.name, StreamConfig(spec), kOpenBudget, stop);
  absl::StatusOr<StreamFacts> facts = FactsOf(spec, MadeOrPresent(made, ask));
  if (facts.ok()) facts->created = !MayBePresent(made);
  return facts;
}

absl::StatusOr<StreamFacts> FindStream(ApiClient& api, const std::string& stream) {
  const absl::StatusOr<ApiReply> reply = api.Call("STREAM.INFO." + stream, Json(), kOpenBudget);
  if (!reply.ok()) return reply.status();
  if (!reply->error) return ReadStreamFacts(reply->body);
  return LookUpRefused(stream, *reply->error);
}

// Streams that are made or deleted meanwhile shift the others: a name may come twice, or be left out until the next
// time.
absl::StatusOr<std::vector<std::string>> ListStreams(ApiClient& api, const std::string& pattern) {
  std::vector<std::string> names;
  while (true) {
    const Json request = {{"offset", names.size()}, {"subject", pattern}};
    const absl::StatusOr<ApiReply> reply = api.Call("STREAM.NAMES", request, kOpenBudget);
    if (!reply.ok()) return reply.status();
    if (reply->error) return ApiStatus(absl::StrCat("list the streams of \"", pattern, "\""), *reply->error);
    const std::vector<std::string> page = StringsMember(reply->body, "streams");
    names.insert(names.end(), page.begin(), page.end());
    if (page.empty() || names.size() >= UintMember(reply->body, "total").value_or(0)) return names;
  }
}

absl::StatusOr<StreamIdentity> IdentifyStream(ApiClient& api, const std::string& stream, const std::stop_token& stop,
                                              std::chrono::milliseconds budget) {
  const absl::StatusOr<ApiReply> reply = api.Call("STREAM.INFO." + stream, Json(), budget, stop);
  if (!reply.ok()) return reply.status();
  if (reply->error) return LookUpRefused(stream, *reply->error);
  absl::StatusOr<StreamFacts> facts = ReadStreamFacts(reply->body);
  if (!facts.ok()) return facts.status();
  const Json &state = Member(reply->body, "state"), &config = Member(reply->body, "config");
  return StreamIdentity{
      .created = StringMember(reply->body, "created"),
      .last_sequence = UintMember(state, "last_seq").value_or(0),
      .first_sequence = UintMember(state, "first_seq").value_or(0),
      .leader = StringMember(Member(reply->body, "cluster"), "leader"),
      .subjects = StringsMember(config, "subjects"),
      .inactive_threshold = UintMember(Member(config, "consumer_limits"), "inactive_threshold").value_or(0),
      .work_queue = StringMember(config, "retention") == "workqueue",
      .facts = *std::move(facts)};
}

}  // namespace penstock::eventbus::jetstream
