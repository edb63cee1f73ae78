// SPDX-License-Identifier: Apache-2.0
#include "jetstream/bucket/bucket_config.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "bucket/bucket_layout.h"
#include "jetstream/api/api_error.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/bucket/time_left.h"
#include "naming/names.h"
#include "stream/stream_review.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;

// Of the JetStream API: since it a message may have a time to live (server 2.11).
constexpr std::int64_t kTimeToLiveLevel = 1;

std::string About(const std::string& bucket) { return absl::StrCat("open bucket ", Quoted(bucket)); }

std::int64_t Limit(const Json& config, const char* name) {
  return std::max<std::int64_t>(IntMember(config, name).value_or(0), 0);
}

nanoseconds Time(const Json& config, const char* name) { return nanoseconds(Limit(config, name)); }

absl::StatusOr<BucketSpec> Settings(const BucketSpec& spec, const absl::StatusOr<ApiReply>& reply) {
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(About(spec.name), *reply->error);
  const absl::StatusOr<StreamFacts> found = ReadStreamFacts(reply->body);
  if (!found.ok()) return found.status();
  const StreamNeed need{.use = StreamUse::kBucket, .wanted = BucketStreamSpec(spec)};
  if (absl::Status fits = ReviewStream(*found, need, StorageMismatch::kRefuse).status; !fits.ok()) {
    return Prefixed(About(spec.name), fits);
  }
  BucketOptions options = ReadBucketConfig(Member(reply->body, "config"));
  options.reads = spec.options.reads;
  if (absl::Status fits = CheckBucketFits(spec, options); !fits.ok()) return fits;
  return BucketSpec{spec.name, options};
}

// A server that knows no such time to live would leave the setting out without a word.
absl::Status CheckTimeToLive(ApiClient& api, const BucketSpec& spec, const CallLimit& limit) {
  if (spec.options.key_time_to_live_marker.count() == 0) return absl::OkStatus();
  const absl::StatusOr<ApiReply> reply = api.Call("INFO", Json(), TimeLeft(limit), limit.stop);
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(About(spec.name), *reply->error);
  if (IntMember(Member(reply->body, "api"), "level").value_or(0) >= kTimeToLiveLevel) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(About(spec.name),
                                               ": keys with a time to live of their own need a server from 2.11 on; "
                                               "leave key_time_to_live_marker at 0, or upgrade the server"));
}

}  // namespace

Json BucketConfig(const BucketSpec& spec) {
  Json config = StreamConfig(BucketStreamSpec(spec));
  config["allow_rollup_hdrs"] = true;
  config["deny_delete"] = true;
  config["allow_direct"] = true;
  if (spec.options.key_time_to_live_marker.count() > 0) {
    config["allow_msg_ttl"] = true;
    config["subject_delete_marker_ttl"] = nanoseconds(spec.options.key_time_to_live_marker).count();
  }
  return config;
}

BucketOptions ReadBucketConfig(const Json& config) {
  BucketOptions options;
  options.history = static_cast<std::uint32_t>(Limit(config, "max_msgs_per_subject"));
  options.time_to_live = duration_cast<std::chrono::milliseconds>(Time(config, "max_age"));
  if (BoolMember(config, "allow_msg_ttl")) {
    options.key_time_to_live_marker = std::max(
        std::chrono::ceil<std::chrono::seconds>(Time(config, "subject_delete_marker_ttl")), std::chrono::seconds(1));
  }
  options.max_bytes = Limit(config, "max_bytes");
  options.max_value_bytes = static_cast<std::int32_t>(Limit(config, "max_msg_size"));
  options.storage = StringMember(config, "storage") == "memory" ? BucketStorage::kMemory : BucketStorage::kFile;
  options.replicas = static_cast<int>(std::max<std::int64_t>(Limit(config, "num_replicas"), 1));
  return options;
}

absl::StatusOr<BucketSpec> EnsureBucket(ApiClient& api, const BucketSpec& spec, const CallLimit& limit) {
  const std::string stream = BucketStreamName(spec.name);
  const auto look = [&] { return api.Call("STREAM.INFO." + stream, Json(), TimeLeft(limit), limit.stop); };
  const absl::StatusOr<ApiReply> present = look();
  if (!present.ok() || !present->Refused(api_code::kStreamNotFound)) return Settings(spec, present);
  if (absl::Status known = CheckTimeToLive(api, spec, limit); !known.ok()) return known;
  const absl::StatusOr<ApiReply> made =
      api.Call("STREAM.CREATE." + stream, BucketConfig(spec), TimeLeft(limit), limit.stop);
  return Settings(spec, MadeOrPresent(made, look));
}

}  // namespace penstock::eventbus::jetstream
