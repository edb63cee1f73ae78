// SPDX-License-Identifier: Apache-2.0
#include "bus/result_store.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "naming/subject_token.h"
#include "naming/timestamp.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostErrorBytes = 1024;
constexpr std::size_t kMostIdBytes = 128;

std::string Written(const Result& result) {
  Json line = {
      {"handled", result.handled}, {"attempts", result.attempts}, {"finished_at", FormatTimestamp(result.finished_at)}};
  if (!result.handled) {
    line["error_class"] = result.error_class;
    line["error"] = result.error.substr(0, kMostErrorBytes);
  }
  return absl::StrCat(line.dump(-1, ' ', false, Json::error_handler_t::replace), "\n", result.value);
}

absl::StatusOr<Result> Read(std::string_view written) {
  const absl::Status broken = absl::DataLossError("the value is no result");
  const std::size_t end = written.find('\n');
  if (end == written.npos) return broken;
  const Json line = Json::parse(written.substr(0, end), nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return broken;
  const auto text = [&line](const char* name) {
    const auto found = line.find(name);
    return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto handled = line.find("handled");
  const auto attempts = line.find("attempts");
  if (handled == line.end() || !handled->is_boolean()) return broken;
  return Result{
      .handled = handled->get<bool>(),
      .value = std::string(written.substr(end + 1)),
      .error_class = text("error_class"),
      .error = text("error"),
      .attempts = attempts != line.end() && attempts->is_number_unsigned() ? attempts->get<std::uint64_t>() : 0,
      .finished_at = ParseTimestamp(text("finished_at")).value_or(std::chrono::system_clock::time_point())};
}

std::chrono::milliseconds Left(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::clamp(left, std::chrono::milliseconds(1), std::chrono::milliseconds(std::chrono::hours(1)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<ResultStore>> ResultStore::Open(EventBus& bus, std::string_view topic,
                                                               std::string_view durable, const ResultOptions& options) {
  auto bucket =
      bus.Bucket(options.bucket, {.time_to_live = options.time_to_live, .replicas = bus.options().limits.replicas});
  if (!bucket.ok()) return Prefixed("results", bucket.status());
  return std::make_shared<ResultStore>(*std::move(bucket), absl::StrCat(SubjectToken(topic), ".", SubjectToken(durable), "."));
}

absl::Status ResultStore::Put(std::string_view event_id, const Result& result) {
  return bucket_->Put(prefix_ + SubjectToken(event_id), Written(result)).status();
}

absl::StatusOr<Result> ResultStore::Await(std::string_view event_id, std::chrono::milliseconds timeout) {
  if (timeout.count() < 0) return absl::InvalidArgumentError("await a result: the timeout is negative; give 0 or more");
  if (auto status = CheckVisibleAscii("event_id", event_id, kMostIdBytes, Presence::kRequired); !status.ok())
    return status;
  const auto deadline = DeadlineAfter(timeout);
  const std::string key = prefix_ + SubjectToken(event_id);
  const absl::StatusOr<BucketEntry> entry = bucket_->Get(key, {.timeout = Left(deadline)});
  if (entry.ok()) return Read(entry->value);
  if (!absl::IsNotFound(entry.status())) return entry.status();
  absl::StatusOr<Result> result = Watched(key, deadline);
  if (!absl::IsDeadlineExceeded(result.status())) return result;
  return absl::DeadlineExceededError(
      absl::StrCat("await the result of event ", Quoted(event_id), ": there is none within ", timeout.count(), " ms"));
}

absl::StatusOr<Result> ResultStore::Watched(const std::string& key, std::chrono::steady_clock::time_point deadline) {
  Mutex mutex;
  CondVar changed;
  std::optional<std::string> value;
  const BucketWatchEvents events{.on_entry = [&](const BucketEntry& entry) {
    if (entry.operation != BucketOperation::kPut) return;
    MutexLock lock(mutex);
    value = entry.value;
    changed.NotifyAll();
  }};
  const auto watch = bucket_->Watch(key, events, {.timeout = Left(deadline)});
  if (!watch.ok()) return watch.status();
  {
    MutexLock lock(mutex);
    while (!value && changed.WaitUntil(lock, deadline)) {
    }
  }
  (*watch)->Stop();
  MutexLock lock(mutex);
  if (value) return Read(*value);
  return absl::DeadlineExceededError("");
}

EnvelopeHandler WithResults(EnvelopeHandler handler, std::shared_ptr<ResultStore> store, LogSink log) {
  return [handler = std::move(handler), store = std::move(store), log = std::move(log)](const Envelope& envelope,
                                                                                        const Delivery& delivery) {
    Outcome outcome = handler(envelope, delivery);
    if (outcome.kind() != Outcome::Kind::kAck) return outcome;
    const absl::Status put = store->Put(envelope.event_id, {.handled = true,
                                                            .value = outcome.value() ? *outcome.value() : std::string(),
                                                            .attempts = delivery.attempt(),
                                                            .finished_at = std::chrono::system_clock::now()});
    if (!put.ok() && log) {
      log(LogLevel::kError, absl::StrCat("keep the result of event ", Quoted(envelope.event_id), ": ",
                                         std::string(put.message()), "; it is over without one"));
    }
    return outcome;
  };
}

}  // namespace penstock::eventbus
