// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envelope/codecs.h"
#include "envelope/json_text.h"
#include "envelope/json_walk.h"
#include "naming/decimal.h"
#include "naming/names.h"
#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

// A reader takes one value, known to be sound JSON, and returns what is wrong with it, or nothing.
using Fault = std::string_view;
using Reader = Fault (*)(std::string_view value, Envelope& envelope);

// What identifies something must be the same text for every reader, and half a surrogate pair is not.
Fault TextOf(std::string_view value, std::string& out) {
  if (!value.starts_with('"')) return "is no text";
  JsonText decoded = DecodeJsonText(value);
  out = std::move(decoded.text);
  return decoded.has_lone_surrogate ? "has half a surrogate pair, which is no character" : Fault{};
}

Fault AttributeOf(std::string_view value, std::string& out) {
  if (!value.starts_with('"')) return "is no text";
  out = DecodeJsonText(value).text;
  return {};
}

template <std::string Envelope::*kField>
Fault ReadText(std::string_view value, Envelope& envelope) {
  return TextOf(value, envelope.*kField);
}

template <std::int64_t Envelope::*kField>
Fault ReadNumber(std::string_view value, Envelope& envelope) {
  const auto number = ParseDecimal<std::int64_t>(value);
  if (!number.has_value()) return "is no integer of 64 bits";
  envelope.*kField = *number;
  return {};
}

template <std::chrono::system_clock::time_point Envelope::*kField>
Fault ReadTimestamp(std::string_view value, Envelope& envelope) {
  std::string text;
  if (const Fault fault = TextOf(value, text); !fault.empty()) return fault;
  const auto time = ParseTimestamp(text);
  if (!time.has_value()) return "is no RFC 3339 time of the years 1678 to 2261";
  envelope.*kField = *time;
  return {};
}

Fault ReadPayload(std::string_view value, Envelope& envelope) {
  envelope.payload = value;
  return {};
}

Fault ReadAttributes(std::string_view value, Envelope& envelope) {
  Fault fault;
  const absl::Status status = ForEachMember(value, [&](const std::string& key, std::string_view text) {
    const auto [attribute, added] = envelope.attributes.try_emplace(key);
    fault = added ? AttributeOf(text, attribute->second) : "has a key twice";
    return fault.empty();
  });
  return status.ok() ? fault : "is no object of texts";
}

struct Member {
  std::string_view key{};
  Reader read = nullptr;
};

constexpr Member kMembers[] = {
    {"event_id", ReadText<&Envelope::event_id>},
    {"aggregate_id", ReadText<&Envelope::aggregate_id>},
    {"event_type", ReadText<&Envelope::event_type>},
    {"event_version", ReadNumber<&Envelope::event_version>},
    {"timestamp", ReadTimestamp<&Envelope::timestamp>},
    {"trace_id", ReadText<&Envelope::trace_id>},
    {"correlation_id", ReadText<&Envelope::correlation_id>},
    {"tenant_id", ReadNumber<&Envelope::tenant_id>},
    {"payload", ReadPayload},
    {"aggregate_type", ReadText<&Envelope::aggregate_type>},
    {"traceparent", ReadText<&Envelope::traceparent>},
    {"causation_id", ReadText<&Envelope::causation_id>},
    {"content_type", ReadText<&Envelope::content_type>},
    {"attributes", ReadAttributes},
    {"expires_at", ReadTimestamp<&Envelope::expires_at>},
};

/// Gathers the members of one envelope. A key that counts may occur once: of two aggregate IDs one reader would take
/// the first and another the last, and order would be lost between them.
class EnvelopeReader {
 public:
  bool Take(std::string_view key, std::string_view value) {
    const auto* member = std::ranges::find(kMembers, key, &Member::key);
    if (member == std::end(kMembers)) return true;
    const auto index = static_cast<std::size_t>(member - kMembers);
    const Fault fault = seen_.test(index) ? "occurs twice" : Read(*member, value);
    seen_.set(index);
    if (!fault.empty()) error_ = absl::StrCat("field ", Quoted(key), " ", std::string(fault));
    return fault.empty();
  }

  const std::string& error() const { return error_; }
  Envelope& envelope() { return envelope_; }

 private:
  // As in Go, null leaves a member as it is; only a payload may be null itself.
  Fault Read(const Member& member, std::string_view value) {
    return value == "null" && member.read != ReadPayload ? Fault{} : member.read(value, envelope_);
  }

  std::bitset<std::size(kMembers)> seen_;
  std::string error_;
  Envelope envelope_{.event_version = 0};
};

absl::Status Broken(std::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(fault), "; check what publishes to this topic"));
}

absl::Status BrokenBody(const absl::Status& status) { return Broken(absl::StrCat("the body ", status.message())); }

}  // namespace

absl::Status DecodeJson(std::string_view body, Envelope& envelope) {
  EnvelopeReader reader;
  const absl::Status status =
      ForEachMember(body, [&](const std::string& key, std::string_view value) { return reader.Take(key, value); });
  if (!status.ok()) return BrokenBody(status);
  if (!reader.error().empty()) return Broken(reader.error());
  if (reader.envelope().payload.empty()) return Broken("field \"payload\" is missing");
  envelope = std::move(reader.envelope());
  return absl::OkStatus();
}

absl::StatusOr<std::string> JsonAggregateId(std::string_view body) {
  EnvelopeReader reader;
  const absl::Status status = ForEachMember(body, [&](const std::string& key, std::string_view value) {
    return key != "aggregate_id" || (reader.Take(key, value) && false);
  });
  if (!status.ok()) return BrokenBody(status);
  if (!reader.error().empty()) return Broken(reader.error());
  return std::move(reader.envelope().aggregate_id);
}

}  // namespace penstock::eventbus
