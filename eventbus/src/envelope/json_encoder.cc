// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "envelope/codecs.h"
#include "envelope/json_walk.h"
#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kUsualFieldBytes = 512;

/// Writes one flat JSON object, member by member. Texts must be UTF-8.
class JsonWriter {
 public:
  /// Puts the object behind what `out` has.
  explicit JsonWriter(std::string& out) : out_(out) { out_ += '{'; }

  void Text(std::string_view key, std::string_view value) {
    Key(key);
    Quote(value);
  }
  void TextUnlessEmpty(std::string_view key, std::string_view value) {
    if (!value.empty()) Text(key, value);
  }
  void Number(std::string_view key, std::int64_t value) { Raw(key, std::to_string(value)); }
  /// `json` must be a JSON document.
  void Raw(std::string_view key, std::string_view json) {
    Key(key);
    out_ += json;
  }
  void Finish() { out_ += '}'; }

 private:
  void Key(std::string_view key) {
    if (out_.back() != '{') out_ += ',';
    Quote(key);
    out_ += ':';
  }

  void Quote(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out_ += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20) {
        out_.append("\\u00") += kDigits[byte >> 4];
        out_ += kDigits[byte & 0xF];
        continue;
      }
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;
    }
    out_ += '"';
  }

  std::string& out_;
};

std::string_view TrimSpace(std::string_view json) {
  const std::size_t first = json.find_first_not_of(kJsonSpace);
  return json.substr(first, json.find_last_not_of(kJsonSpace) - first + 1);
}

std::string AttributesObject(const Envelope& envelope) {
  std::string object;
  JsonWriter writer(object);
  for (const auto& [key, value] : envelope.attributes) writer.Text(key, value);
  writer.Finish();
  return object;
}

}  // namespace

absl::StatusOr<std::string> EncodeJson(const Envelope& envelope) {
  if (absl::Status status = CheckJson(envelope.payload, kMaxJsonDepth - 1); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("field \"payload\" ", status.message(), "; write bytes as kProtobuf, or as a JSON string"));
  }
  std::string body;
  body.reserve(envelope.payload.size() + kUsualFieldBytes);
  JsonWriter writer(body);
  writer.TextUnlessEmpty("event_id", envelope.event_id);
  writer.Text("aggregate_id", envelope.aggregate_id);
  writer.Text("event_type", envelope.event_type);
  writer.Number("event_version", envelope.event_version);
  writer.Text("timestamp", FormatTimestamp(envelope.timestamp));
  writer.TextUnlessEmpty("trace_id", envelope.trace_id);
  writer.TextUnlessEmpty("correlation_id", envelope.correlation_id);
  if (envelope.tenant_id != 0) writer.Number("tenant_id", envelope.tenant_id);
  writer.Raw("payload", TrimSpace(envelope.payload));
  writer.TextUnlessEmpty("aggregate_type", envelope.aggregate_type);
  writer.TextUnlessEmpty("traceparent", envelope.traceparent);
  writer.TextUnlessEmpty("causation_id", envelope.causation_id);
  writer.TextUnlessEmpty("content_type", envelope.content_type);
  if (!envelope.attributes.empty()) writer.Raw("attributes", AttributesObject(envelope));
  if (envelope.expires_at != std::chrono::system_clock::time_point{})
    writer.Text("expires_at", FormatTimestamp(envelope.expires_at));
  writer.Finish();
  return body;
}

}  // namespace penstock::eventbus
