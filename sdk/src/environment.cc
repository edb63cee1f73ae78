// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "escape_controls.h"

namespace penstock {
namespace {

constexpr std::string_view kPrefix = "PENSTOCK_";

template <typename Number>
std::optional<Number> Parse(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool SetPort(ServiceOptions& options, std::string_view value) {
  const std::optional<std::uint16_t> port = Parse<std::uint16_t>(value);
  options.metrics_port = port;
  return port.has_value() || value == "off";
}

bool SetLogLevel(ServiceOptions& options, std::string_view value) {
  constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};  // as in `LogLevel`
  const auto* const level = std::ranges::find(kLevels, value);
  options.log_level = static_cast<LogLevel>(level - kLevels.begin());
  return level != kLevels.end();
}

bool SetDrainTimeout(ServiceOptions& options, std::string_view value) {
  const std::optional<std::int64_t> timeout = Parse<std::int64_t>(value);
  options.drain_timeout = std::chrono::milliseconds(timeout.value_or(-1));
  return timeout.has_value() && options.Validate().ok();
}

struct Variable {
  std::string_view name;
  const char* expected;
  bool (*set)(ServiceOptions& options, std::string_view value);
};

constexpr Variable kVariables[] = {
    {"URL", "a URL", [](ServiceOptions& o, std::string_view v) { return !(o.bus.url = v).empty(); }},
    {"CLIENT_ID", "a name", [](ServiceOptions& o, std::string_view v) { return !(o.bus.client_id = v).empty(); }},
    {"JETSTREAM_DOMAIN", "a domain",
     [](ServiceOptions& o, std::string_view v) { return !(o.bus.jetstream_domain = v).empty(); }},
    {"JETSTREAM_API_PREFIX", "a prefix of subjects",
     [](ServiceOptions& o, std::string_view v) { return !(o.bus.jetstream_api_prefix = v).empty(); }},
    {"INBOX_PREFIX", "a prefix of subjects",
     [](ServiceOptions& o, std::string_view v) { return !(o.bus.inbox_prefix = v).empty(); }},
    {"METRICS_HOST", "an address", [](ServiceOptions& o, std::string_view v) { return !(o.metrics_host = v).empty(); }},
    {"METRICS_PORT", "0 to 65535, or off", &SetPort},
    {"LOG_LEVEL", "debug, info, warning or error", &SetLogLevel},
    {"DRAIN_TIMEOUT_MS", "0 to 3600000", &SetDrainTimeout},
};

absl::Status Apply(ServiceOptions& options, std::string_view name, std::string_view value) {
  const std::string where = absl::StrCat("read environment: \"", EscapeControls(name), "\"");
  const Variable* const variable = std::ranges::find(kVariables, name.substr(kPrefix.size()), &Variable::name);
  if (variable == std::end(kVariables)) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": unknown variable; correct its name or unset it"));
  }
  if (variable->set(options, value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(where, ": wrong value; expected ", variable->expected));
}

}  // namespace

absl::StatusOr<ServiceOptions> ApplyEnvironment(ServiceOptions options, const char* const* environment) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::string_view name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kPrefix)) continue;
    const std::string_view value = entry.substr(std::min(entry.size(), name.size() + 1));
    if (absl::Status status = Apply(options, name, value); !status.ok()) return status;
  }
  return options;
}

absl::StatusOr<ServiceOptions> ServiceOptions::FromEnvironment(ServiceOptions defaults) {
  return ApplyEnvironment(std::move(defaults), environ);
}

}  // namespace penstock
