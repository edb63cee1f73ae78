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

absl::StatusOr<OutboundMessage> ResultStore::PutMessage(std::string_view event_id, const Result& result) {
  return waits_.entries().PutMessage(event_id, Written(result));
}

absl::Status ResultStore::Put(std::string_view event_id, const Result& result) {
  return waits_.entries().Put(event_id, Written(result)).status();
}

absl::StatusOr<Result> ResultStore::Get(std::string_view event_id, std::chrono::milliseconds timeout) {
  const absl::StatusOr<BucketEntry> entry = waits_.entries().Get(event_id, timeout);
  return entry.ok() ? Read(entry->value) : entry.status();
}

absl::StatusOr<Result> ResultStore::Read(std::string_view written) {
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

void KeepResults(const std::shared_ptr<ResultStore>& store, Transport& transport, SubscriptionSpec& spec) {
  spec.given_up = [store](std::string_view event_id, const Result& result) { return store->Put(event_id, result); };
  spec.was_kept = [store](std::string_view event_id) -> absl::StatusOr<bool> {
    const absl::StatusOr<Result> before = store->Get(event_id, kGetTimeout);
    if (absl::IsNotFound(before.status()) || absl::IsDataLoss(before.status())) return false;
    if (!before.ok()) return before.status();
    return before->handled;
  };
  spec.keep = [store, &transport](std::string_view event_id, const Result& result,
                                  const std::function<void(absl::Status)>& done) {
    absl::StatusOr<OutboundMessage> message = store->PutMessage(event_id, result);
    absl::Status begun = message.status();
    if (message.ok()) {
      begun = transport.Publish(*std::move(message), [done](const absl::StatusOr<PubAck>& ack) { done(ack.status()); });
    }
    if (!begun.ok()) done(begun);
  };
}

std::function<bool(std::string_view event_id)> HandledAccordingTo(std::shared_ptr<ResultStore> store) {
  if (store == nullptr) return {};
  return [store = std::move(store)](std::string_view event_id) {
    const absl::StatusOr<Result> result = store->Get(event_id, kLookTimeout);
    return result.ok() && result->handled;
  };
}

}  // namespace penstock::eventbus
