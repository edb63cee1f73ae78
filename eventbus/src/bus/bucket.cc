// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/bucket.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/call_limit.h"
#include "naming/names.h"
#include "transport/key_value_store.h"

namespace penstock {
namespace {

using eventbus::CallLimit;
using eventbus::LimitOf;
using Revision = absl::StatusOr<std::uint64_t>;

// Makes one call of `key` within the options' limit.
template <typename Options, typename Call>
auto Within(const Options& options, const char* what, std::string_view key, Call call)
    -> decltype(call(std::declval<const CallLimit&>())) {
  const absl::StatusOr<CallLimit> limit = LimitOf(options.timeout, options.stop);
  if (limit.ok()) return call(*limit);
  return eventbus::Prefixed(absl::StrCat(what, " ", eventbus::Quoted(key)), limit.status());
}

}  // namespace

Bucket::Bucket(std::unique_ptr<eventbus::KeyValueStore> store) : store_(std::move(store)) {}
Bucket::~Bucket() {
  if (store_->origin().left()) LeaveToParent(std::move(store_));
}

absl::StatusOr<BucketEntry> Bucket::Get(std::string_view key, const BucketCallOptions& options) {
  return Within(options, "get", key, [&](const CallLimit& limit) { return store_->Get(key, limit); });
}

Revision Bucket::Put(std::string_view key, std::string_view value, const BucketWriteOptions& options) {
  return Within(options, "put", key,
                [&](const CallLimit& limit) { return store_->Put(key, value, limit, options.time_to_live); });
}

Revision Bucket::Create(std::string_view key, std::string_view value, const BucketWriteOptions& options) {
  return Within(options, "create", key,
                [&](const CallLimit& limit) { return store_->Create(key, value, limit, options.time_to_live); });
}

Revision Bucket::Update(std::string_view key, std::string_view value, std::uint64_t expected_revision,
                        const BucketWriteOptions& options) {
  return Within(options, "update", key, [&](const CallLimit& limit) {
    return store_->Update(key, value, expected_revision, limit, options.time_to_live);
  });
}

absl::Status Bucket::Delete(std::string_view key, const BucketDeleteOptions& options) {
  const Revision deleted = Within(options, "delete", key, [&](const CallLimit& limit) {
    return store_->Delete(key, BucketOperation::kDelete, options.expected_revision, limit);
  });
  return deleted.status();
}

absl::Status Bucket::Purge(std::string_view key, const BucketDeleteOptions& options) {
  const Revision purged = Within(options, "purge", key, [&](const CallLimit& limit) {
    return store_->Delete(key, BucketOperation::kPurge, options.expected_revision, limit);
  });
  return purged.status();
}

absl::StatusOr<std::unique_ptr<BucketWatch>> Bucket::Watch(std::string_view pattern, BucketWatchEvents events,
                                                           const BucketCallOptions& options) {
  auto watch = Within(options, "watch", pattern,
                      [&](const CallLimit& limit) { return store_->Watch(pattern, std::move(events), limit); });
  if (!watch.ok()) return watch.status();
  return std::make_unique<BucketWatch>(*std::move(watch));
}

const std::string& Bucket::name() const { return store_->spec().name; }
const BucketOptions& Bucket::settings() const { return store_->spec().options; }

BucketWatch::BucketWatch(std::unique_ptr<eventbus::KeyValueWatch> watch) : watch_(std::move(watch)) {}
BucketWatch::~BucketWatch() {
  if (watch_->origin().left()) LeaveToParent(std::move(watch_));
}
void BucketWatch::Stop() { watch_->Stop(); }

}  // namespace penstock
