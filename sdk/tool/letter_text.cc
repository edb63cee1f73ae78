// SPDX-License-Identifier: Apache-2.0
#include "letter_text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "escape_controls.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/headers.h"

namespace penstock::tool {
namespace {

using Json = nlohmann::ordered_json;
using TimePoint = std::chrono::system_clock::time_point;

std::string Written(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string TimeText(TimePoint time) {
  if (time == TimePoint{}) return "";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

// UTF-8 without control characters other than white space.
bool IsText(std::string_view bytes) {
  const auto control = [](unsigned char c) { return (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(bytes, control)) return false;
  return Json::parse(Json(std::string(bytes)).dump(-1, ' ', true, Json::error_handler_t::ignore)) ==
         Json(std::string(bytes));
}

void AddBytes(Json& object, const std::string& name, const std::string& bytes) {
  if (IsText(bytes)) {
    object[name] = bytes;
  } else {
    object[name + "_base64"] = absl::Base64Escape(bytes);
  }
}

Json HistoryOf(const DeadLetter& letter) {
  return {{"id", letter.id},
          {"topic", letter.topic},
          {"key", letter.key},
          {"consumer", letter.consumer},
          {"error_class", letter.error_class},
          {"error", letter.error},
          {"attempts", letter.attempts},
          {"first_failed_at", TimeText(letter.first_failed_at)},
          {"last_failed_at", TimeText(letter.last_failed_at)},
          {"stored_at", TimeText(letter.stored_at)},
          {"redrive_count", letter.redrive_count},
          {"stream", letter.stream},
          {"stream_sequence", letter.stream_sequence},
          {"origin_sequence", letter.origin_sequence},
          {"handler", letter.handler},
          {"host", letter.host},
          {"message_id", letter.message_id}};
}

Json EnvelopeOf(const DeadLetter& letter) {
  const auto type = std::ranges::find_if(letter.headers, [](const auto& field) {
    return absl::EqualsIgnoreCase(field.first, std::string(header::kContentType));
  });
  const auto envelope = DecodeEnvelope(letter.body, type == letter.headers.end() ? "" : type->second);
  if (!envelope.ok()) return nullptr;
  Json fields = {{"event_id", envelope->event_id},
                 {"aggregate_id", envelope->aggregate_id},
                 {"aggregate_type", envelope->aggregate_type},
                 {"event_type", envelope->event_type},
                 {"event_version", envelope->event_version},
                 {"timestamp", TimeText(envelope->timestamp)},
                 {"trace_id", envelope->trace_id},
                 {"traceparent", envelope->traceparent},
                 {"correlation_id", envelope->correlation_id},
                 {"causation_id", envelope->causation_id},
                 {"tenant_id", envelope->tenant_id},
                 {"content_type", envelope->content_type},
                 {"attributes", envelope->attributes}};
  AddBytes(fields, "payload", envelope->payload);
  return fields;
}

Json HeadersOf(const DeadLetter& letter) {
  Json headers = Json::array();
  for (const auto& [name, value] : letter.headers) headers.push_back(absl::StrCat(name, ": ", value));
  return headers;
}

Json ObjectOf(const DeadLetter& letter) {
  Json object = HistoryOf(letter);
  object["headers"] = HeadersOf(letter);
  if (letter.body_omitted != 0) {
    object["body_omitted"] = letter.body_omitted;
    return object;
  }
  if (Json envelope = EnvelopeOf(letter); envelope.is_object()) object["envelope"] = std::move(envelope);
  AddBytes(object, "body", letter.body);
  return object;
}

// A line for each field that is not empty; those of objects are indented.
std::string LinesOf(const Json& object, const std::string& indent) {
  std::string lines;
  for (const auto& [name, value] : object.items()) {
    if (value.is_structured()) {
      if (!value.empty()) absl::StrAppend(&lines, indent, name, "\n", LinesOf(value, indent + "  "));
      continue;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : Written(value);
    if (text.empty()) continue;
    const std::string label = object.is_array() ? "" : absl::StrFormat("%-18s", name);
    absl::StrAppend(&lines, indent, label, EscapeControls(text), "\n");
  }
  return lines;
}

using Number = std::size_t RedriveReport::*;
constexpr std::array<std::pair<const char*, Number>, 8> kNumbers = {{
    {"matched", &RedriveReport::matched},
    {"sent", &RedriveReport::sent},
    {"already_sent", &RedriveReport::already_sent},
    {"skipped_loop_guard", &RedriveReport::skipped_loop_guard},
    {"held_back", &RedriveReport::held_back},
    {"gone", &RedriveReport::gone},
    {"failed", &RedriveReport::failed},
    {"left", &RedriveReport::left},
}};

std::string JsonOf(const RedriveReport& report, RedriveMode mode) {
  Json object = {{"dry_run", mode == RedriveMode::kDryRun}};
  for (const auto& [name, number] : kNumbers) object[name] = report.*number;
  if (!report.first_error.ok()) object["first_error"] = std::string(report.first_error.message());
  return Written(object);
}

}  // namespace

std::string LineOf(const DeadLetter& letter, Format format) {
  if (format == Format::kJson) return Written(HistoryOf(letter));
  return EscapeControls(absl::StrFormat(
      "%8d  %s  %-12s %3d  %s  %s  %s  %s", letter.id, TimeText(letter.last_failed_at), letter.error_class,
      letter.attempts, letter.topic, letter.consumer, letter.key.empty() ? "-" : letter.key, letter.error));
}

std::string SummaryOf(const LetterPage& page, Format format) {
  if (format == Format::kJson) return Written({{"listed", page.letters.size()}, {"more", page.more}});
  std::string text = absl::StrFormat("%d listed, %d more", page.letters.size(), page.more);
  if (page.more > 0) absl::StrAppend(&text, ": --after-id ", page.letters.back().id);
  return text;
}

std::string WholeOf(const DeadLetter& letter, Format format) {
  const Json object = ObjectOf(letter);
  return format == Format::kJson ? Written(object) + "\n" : LinesOf(object, "");
}

std::string TextOf(const RedriveReport& report, RedriveMode mode, Format format) {
  if (format == Format::kJson) return JsonOf(report, mode);
  std::string text = mode == RedriveMode::kDryRun ? "dry run:" : "redrive:";
  for (const auto& [name, number] : kNumbers) {
    if (report.*number > 0 || number == &RedriveReport::matched) absl::StrAppend(&text, " ", name, " ", report.*number);
  }
  if (!report.first_error.ok()) {
    absl::StrAppend(&text, "\nfirst error: ", EscapeControls(std::string(report.first_error.message())));
  }
  return text;
}

bool IsDone(const RedriveReport& report, const RedriveOptions& options) {
  if (options.mode == RedriveMode::kDryRun) return true;
  const bool all_tried = report.left == 0 || options.limit > 0;
  return report.failed == 0 && report.skipped_loop_guard == 0 && report.held_back == 0 && all_tried;
}

}  // namespace penstock::tool
