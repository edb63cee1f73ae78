// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/stream_api.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jetstream/api/api_error.h"

namespace penstock::eventbus::jetstream {
namespace {

std::string About(const StreamSpec& spec) {
  return absl::StrCat("make stream \"", spec.name, "\" for \"", absl::StrJoin(spec.subjects, "\", \""), "\"");
}

absl::StatusOr<StreamFacts> FactsOf(const StreamSpec& spec, const absl::StatusOr<ApiReply>& reply) {
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(About(spec), *reply->error);
  return ReadStreamFacts(reply->body);
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
  return StreamFacts{.subjects = StringsMember(config, "subjects"),
                     .storage = storage == StorageName(Storage::kFile) ? Storage::kFile : Storage::kMemory,
                     .duplicate_window = std::chrono::nanoseconds(UintMember(config, "duplicate_window").value_or(0))};
}

absl::StatusOr<StreamFacts> EnsureStream(ApiClient& api, const StreamSpec& spec, const std::stop_token& stop) {
  const auto ask = [&] { return api.Call("STREAM.INFO." + spec.name, Json(), kOpenBudget, stop); };
  const absl::StatusOr<ApiReply> present = ask();
  if (!present.ok() || !present->Refused(api_code::kStreamNotFound)) return FactsOf(spec, present);
  const absl::StatusOr<ApiReply> made = api.Call("STREAM.CREATE." + spec.name, StreamConfig(spec), kOpenBudget, stop);
  // Another process may have made it between our two calls.
  if (made.ok() && made->Refused(api_code::kStreamNameInUse)) return FactsOf(spec, ask());
  absl::StatusOr<StreamFacts> facts = FactsOf(spec, made);
  if (facts.ok()) facts->created = true;
  return facts;
}

absl::StatusOr<StreamIdentity> IdentifyStream(ApiClient& api, const std::string& stream, const std::stop_token& stop,
                                              std::chrono::milliseconds budget) {
  const absl::StatusOr<ApiReply> reply = api.Call("STREAM.INFO." + stream, Json(), budget, stop);
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(absl::StrCat("look up stream \"", stream, "\""), *reply->error);
  const Json &state = Member(reply->body, "state"), &config = Member(reply->body, "config");
  return StreamIdentity{
      .created = StringMember(reply->body, "created"),
      .last_sequence = UintMember(state, "last_seq").value_or(0),
      .first_sequence = UintMember(state, "first_seq").value_or(0),
      .subjects = StringsMember(config, "subjects"),
      .inactive_threshold = UintMember(Member(config, "consumer_limits"), "inactive_threshold").value_or(0),
      .work_queue = StringMember(config, "retention") == "workqueue"};
}

}  // namespace penstock::eventbus::jetstream
