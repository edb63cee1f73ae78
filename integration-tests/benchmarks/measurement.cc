// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/measurement.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock::bench {
namespace {

/// Nothing when there is no number of this name.
std::optional<double> Number(const nlohmann::json& line, const char* name) {
  const auto field = line.find(name);
  if (field == line.end() || !field->is_number()) return std::nullopt;
  return field->get<double>();
}

/// A number above 0; nothing when there is none of this name.
std::optional<double> Positive(const nlohmann::json& line, const char* name) {
  const auto value = Number(line, name);
  return value > 0.0 ? value : std::nullopt;
}

}  // namespace

absl::StatusOr<Measurement> MeasurementOf(const Outcome& outcome) {
  if (outcome.exit_code != 0) {
    const std::string errors(absl::StripAsciiWhitespace(outcome.errors));
    return absl::AbortedError(absl::StrCat("exit code ", outcome.exit_code, ": ", errors));
  }
  const auto line = nlohmann::json::parse(outcome.output, nullptr, false);
  if (line.is_object()) {
    const auto messages = Positive(line, "messages");
    const auto seconds = Positive(line, "seconds");
    if (messages && seconds) {
      return Measurement{.messages = *messages,
                         .seconds = *seconds,
                         .p50_us = Positive(line, "p50_us"),
                         .p99_us = Positive(line, "p99_us"),
                         .bytes_per_idle_actor = Number(line, "bytes_per_idle_actor"),
                         .bytes_per_idle_subscription = Number(line, "bytes_per_idle_subscription"),
                         .bytes_per_idle_key = Number(line, "bytes_per_idle_key"),
                         .bytes_per_message_seen = Number(line, "bytes_per_message_seen"),
                         .cpu_s = outcome.cpu_s,
                         .peak_rss_mib = outcome.peak_rss_mib};
    }
  }
  return absl::DataLossError(
      absl::StrCat("read its result: \"", outcome.output, "\" is no object with messages and seconds above 0"));
}

}  // namespace penstock::bench
