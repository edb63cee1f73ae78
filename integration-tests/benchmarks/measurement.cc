// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/measurement.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock::bench {
namespace {

/// A number above 0; nothing when there is none of this name.
std::optional<double> Positive(const nlohmann::json& line, const char* name) {
  const auto field = line.find(name);
  if (field == line.end() || !field->is_number()) return std::nullopt;
  const double value = field->get<double>();
  return value > 0 ? std::optional(value) : std::nullopt;
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
                         .cpu_s = outcome.cpu_s,
                         .peak_rss_mib = outcome.peak_rss_mib};
    }
  }
  return absl::DataLossError(
      absl::StrCat("read its result: \"", outcome.output, "\" is no object with messages and seconds above 0"));
}

}  // namespace penstock::bench
