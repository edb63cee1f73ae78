// SPDX-License-Identifier: Apache-2.0
#include "bus/result_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "naming/timestamp.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostErrorBytes = 1024;
constexpr std::chrono::seconds kLookTimeout{1};
constexpr std::chrono::seconds kGetTimeout{5};

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

}  // namespace

absl::StatusOr<std::shared_ptr<ResultStore>> ResultStore::Open(EventBus& bus, std::string_view topic,
                                                               std::string_view durable, const ResultOptions& options) {
  auto entries = EventEntries::Open(bus, {.field = "results",
                                          .topic = topic,
                                          .durable = durable,
                                          .bucket = options.bucket,
                                          .time_to_live = options.time_to_live});
  if (!entries.ok()) return entries.status();
  return std::make_shared<ResultStore>(*std::move(entries));
}

absl::Status ResultStore::Put(std::string_view event_id, const Result& result) {
  return entries_->Put(event_id, Written(result)).status();
}

absl::StatusOr<Result> ResultStore::Get(std::string_view event_id, std::chrono::milliseconds timeout) {
  const absl::StatusOr<BucketEntry> entry = entries_->Get(event_id, timeout);
  return entry.ok() ? Read(entry->value) : entry.status();
}

absl::StatusOr<Result> ResultStore::Await(std::string_view event_id, std::chrono::milliseconds timeout) {
  if (timeout.count() < 0) return absl::InvalidArgumentError("await a result: the timeout is negative; give 0 or more");
  if (auto status = EventEntries::CheckId(event_id); !status.ok()) return status;
  const absl::StatusOr<BucketEntry> entry =
      entries_->Await(event_id, DeadlineAfter(timeout), [](const BucketEntry&) { return true; });
  if (entry.ok()) return Read(entry->value);
  if (!absl::IsDeadlineExceeded(entry.status())) return entry.status();
  return absl::DeadlineExceededError(
      absl::StrCat("await the result of event ", Quoted(event_id), ": there is none within ", timeout.count(), " ms"));
}

std::function<bool(std::string_view event_id)> HandledAccordingTo(std::shared_ptr<ResultStore> store) {
  if (store == nullptr) return {};
  return [store = std::move(store)](std::string_view event_id) {
    const absl::StatusOr<Result> result = store->Get(event_id, kLookTimeout);
    return result.ok() && result->handled;
  };
}

namespace {

// The handler of an earlier attempt may have had its result kept.
absl::Status KeepResult(ResultStore& store, std::string_view event_id, const Outcome& outcome, std::uint64_t attempt) {
  if (outcome.already_handled()) {
    if (!outcome.value()) return absl::OkStatus();
    const absl::StatusOr<Result> before = store.Get(event_id, kGetTimeout);
    if (before.ok() ? before->handled : !absl::IsNotFound(before.status())) return before.status();
  }
  return store.Put(event_id, {.handled = true,
                              .value = outcome.value() ? *outcome.value() : std::string(),
                              .attempts = attempt,
                              .finished_at = std::chrono::system_clock::now()});
}

}  // namespace

EnvelopeHandler WithResults(EnvelopeHandler handler, std::shared_ptr<ResultStore> store, LogSink log) {
  return [handler = std::move(handler), store = std::move(store), log = std::move(log)](const Envelope& envelope,
                                                                                        const Delivery& delivery) {
    Outcome outcome = handler(envelope, delivery);
    if (outcome.kind() != Outcome::Kind::kAck) return outcome;
    const absl::Status put = KeepResult(*store, envelope.event_id, outcome, delivery.attempt());
    if (!put.ok() && log) {
      log(LogLevel::kError, absl::StrCat("keep the result of event ", Quoted(envelope.event_id), ": ",
                                         std::string(put.message()), "; it is over without one"));
    }
    return outcome;
  };
}

}  // namespace penstock::eventbus
