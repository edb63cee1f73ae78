// SPDX-License-Identifier: Apache-2.0
#include "environment_variables.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kYearSeconds = 365 * kDaySeconds;
constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::streamoff kLargestSecret = 64 << 10;

struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
  bool or_zero = false;
};

std::optional<std::int64_t> Parse(std::string_view text) {
  std::int64_t number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// `field` gives the field of the options: a number, or a duration.
template <typename Field>
Variable Number(std::string_view name, std::string_view option, Range range, Field field) {
  return {name, option, absl::StrCat(range.or_zero ? "0, or " : "", range.least, " to ", range.most),
          [range, field](ServiceOptions& options, std::string_view value) {
            const std::optional<std::int64_t> number = Parse(value);
            const bool zero = range.or_zero && number == 0;
            if (!number || (!zero && (*number < range.least || *number > range.most))) return false;
            auto& set = field(options);
            set = static_cast<std::remove_reference_t<decltype(set)>>(*number);
            return true;
          }};
}

/// A text that is not empty.
template <typename Field>
Variable Text(std::string_view name, std::string_view option, std::string expected, Field field) {
  return {name, option, std::move(expected),
          [field](ServiceOptions& options, std::string_view value) { return !(field(options) = value).empty(); }};
}

/// The content of a file, such as a mounted secret, without the line's end after it.
template <typename Field>
Variable Content(std::string_view name, std::string_view option, Field field) {
  return {name, option, "path of a file that holds it", [field](ServiceOptions& options, std::string_view value) {
            std::ifstream file{std::string(value), std::ios::binary | std::ios::ate};
            if (!file || file.tellg() < 0 || file.tellg() > kLargestSecret) return false;
            file.seekg(0);
            std::string text{std::istreambuf_iterator<char>(file), {}};
            while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
            field(options) = std::move(text);
            return file && !field(options).empty();
          }};
}

/// One of some words.
template <typename Value, typename Field>
Variable Choice(std::string_view name, std::string_view option, std::vector<std::pair<std::string_view, Value>> choices,
                Field field) {
  std::string expected;
  for (std::size_t i = 0; i < choices.size(); ++i)
    absl::StrAppend(&expected, i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ", std::string(choices[i].first));
  return {name, option, std::move(expected),
          [choices = std::move(choices), field](ServiceOptions& options, std::string_view value) {
            const auto found = std::ranges::find(choices, value, &std::pair<std::string_view, Value>::first);
            if (found == choices.end()) return false;
            field(options) = found->second;
            return true;
          }};
}

bool SetPort(ServiceOptions& options, std::string_view value) {
  const std::optional<std::int64_t> port = Parse(value);
  const bool fits = port && *port >= 0 && *port <= std::numeric_limits<std::uint16_t>::max();
  options.metrics_port = fits ? std::optional(static_cast<std::uint16_t>(*port)) : std::nullopt;
  return fits || value == "off";
}

// `FIELD(bus.url)`: the function that gives that field of the options.
#define FIELD(path) ([](ServiceOptions & o) -> auto& { return o.path; })

std::vector<Variable> Connecting() {
  using enum TlsOptions::Mode;
  return {
      Text("URL", "bus.url", "URL, or several, separated by commas", FIELD(bus.url)),
      Text("CLIENT_ID", "bus.client_id", "name", FIELD(bus.client_id)),
      Text("BASE_STREAM_NAME", "bus.base_stream_name", "prefix of the streams' names", FIELD(bus.base_stream_name)),
      Text("JETSTREAM_DOMAIN", "bus.jetstream_domain", "one token", FIELD(bus.jetstream_domain)),
      Text("JETSTREAM_API_PREFIX", "bus.jetstream_api_prefix", "subject prefix", FIELD(bus.jetstream_api_prefix)),
      Text("INBOX_PREFIX", "bus.inbox_prefix", "subject prefix", FIELD(bus.inbox_prefix)),
      Number("CONNECT_TIMEOUT_MS", "bus.connect_timeout", {100, 10 * kMinuteMs, true}, FIELD(bus.connect_timeout)),
      Text("USER", "bus.credentials.user", "name", FIELD(bus.credentials.user)),
      Content("USER_FILE", "bus.credentials.user", FIELD(bus.credentials.user)),
      Text("PASSWORD", "bus.credentials.password", "secret", FIELD(bus.credentials.password)),
      Content("PASSWORD_FILE", "bus.credentials.password", FIELD(bus.credentials.password)),
      Text("TOKEN", "bus.credentials.token", "secret", FIELD(bus.credentials.token)),
      Content("TOKEN_FILE", "bus.credentials.token", FIELD(bus.credentials.token)),
      Text("CREDENTIALS_FILE", "bus.credentials.credentials_file", "path of a .creds file",
           FIELD(bus.credentials.credentials_file)),
      Choice<TlsOptions::Mode>(
          "TLS_MODE", "bus.tls.mode",
          {{"on-demand", kOnDemand}, {"required", kRequired}, {"handshake-first", kHandshakeFirst}},
          FIELD(bus.tls.mode)),
      Text("TLS_CA_FILE", "bus.tls.ca_file", "path of a PEM file", FIELD(bus.tls.ca_file)),
      Text("TLS_CERTIFICATE_FILE", "bus.tls.certificate_file", "path of a PEM file", FIELD(bus.tls.certificate_file)),
      Text("TLS_PRIVATE_KEY_FILE", "bus.tls.private_key_file", "path of a PEM file", FIELD(bus.tls.private_key_file)),
      Text("TLS_EXPECTED_HOSTNAME", "bus.tls.expected_hostname", "host name", FIELD(bus.tls.expected_hostname)),
  };
}

std::vector<Variable> Streams() {
  using enum StorageMismatch;
  return {
      Choice<StorageMismatch>("STORAGE_MISMATCH", "bus.storage_mismatch", {{"warn", kWarn}, {"refuse", kRefuse}},
                              FIELD(bus.storage_mismatch)),
      Number("PUBLISH_TIMEOUT_MS", "bus.publish_timeout", {100, 10 * kMinuteMs}, FIELD(bus.publish_timeout)),
      Number("PUBLISH_WINDOW", "bus.publish_window", {1, 65'536}, FIELD(bus.publish_window)),
      Choice<bool>("RELAY_DELAYED", "bus.relay_delayed", {{"off", false}, {"on", true}}, FIELD(bus.relay_delayed)),
      Number("MEMORY_MAX_AGE_S", "bus.limits.memory_max_age", {1, kYearSeconds}, FIELD(bus.limits.memory_max_age)),
      Number("MEMORY_MAX_BYTES", "bus.limits.memory_max_bytes", {kMiB, kMiB << 20}, FIELD(bus.limits.memory_max_bytes)),
      Number("FILE_MAX_AGE_S", "bus.limits.file_max_age", {60, 10 * kYearSeconds, true},
             FIELD(bus.limits.file_max_age)),
      Number("FILE_MAX_BYTES", "bus.limits.file_max_bytes", {kMiB, kMiB << 30, true}, FIELD(bus.limits.file_max_bytes)),
      Number("DUPLICATE_WINDOW_S", "bus.limits.duplicate_window", {1, kDaySeconds}, FIELD(bus.limits.duplicate_window)),
      Choice<int>("REPLICAS", "bus.limits.replicas", {{"1", 1}, {"3", 3}, {"5", 5}}, FIELD(bus.limits.replicas)),
  };
}

std::vector<Variable> Handling() {
  return {
      Number("WORKERS", "bus.pool.workers", {0, 1024}, FIELD(bus.pool.workers)),
      Number("ACTORS", "bus.pool.actors", {1, 65'536}, FIELD(bus.pool.actors)),
      Number("INBOX_CAPACITY", "bus.pool.inbox_capacity", {1, 1'000'000}, FIELD(bus.pool.inbox_capacity)),
      Number("BURST", "bus.pool.burst", {1, 100'000}, FIELD(bus.pool.burst)),
      Text("POOL_NAME", "bus.pool.name", "name", FIELD(bus.pool.name)),
      Number("MAX_RESTARTS", "bus.pool.restart.max_restarts", {0, 1000}, FIELD(bus.pool.restart.max_restarts)),
      Number("RESTART_WINDOW_MS", "bus.pool.restart.window", {1, kHourMs}, FIELD(bus.pool.restart.window)),
      Number("RESTART_MIN_BACKOFF_MS", "bus.pool.restart.min_backoff", {0, kMinuteMs},
             FIELD(bus.pool.restart.min_backoff)),
      Number("RESTART_MAX_BACKOFF_MS", "bus.pool.restart.max_backoff", {0, kMinuteMs},
             FIELD(bus.pool.restart.max_backoff)),
      Number("SUSPENSION_MS", "bus.pool.restart.suspension", {1, 10 * kMinuteMs}, FIELD(bus.pool.restart.suspension)),
  };
}

std::vector<Variable> Serving() {
  using enum metrics::ClientIdIn;
  return {
      Text("METRICS_HOST", "metrics_host", "address", FIELD(metrics_host)),
      {"METRICS_PORT", "metrics_port", "0 to 65535, or off", &SetPort},
      Choice<metrics::ClientIdIn>("METRICS_CLIENT_ID_IN", "metrics.client_id_in",
                                  {{"name", kName}, {"label", kLabel}, {"both", kBoth}}, FIELD(metrics.client_id_in)),
      Text("METRICS_NAMESPACE", "metrics.metric_namespace", "metric name", FIELD(metrics.metric_namespace)),
      Number("METRICS_MAX_TOPICS", "metrics.max_topics", {1, 1000}, FIELD(metrics.max_topics)),
      Choice<bool>("METRICS_PER_ACTOR", "metrics.per_actor", {{"off", false}, {"on", true}}, FIELD(metrics.per_actor)),
      Number("HANDLER_THREADS", "handler_threads", {1, 64}, FIELD(handler_threads)),
      Number("DRAIN_TIMEOUT_MS", "drain_timeout", {0, kHourMs}, FIELD(drain_timeout)),
      Number("STALL_LIMIT_MS", "stall_limit", {kSecondMs, kDayMs, true}, FIELD(stall_limit)),
      Choice<LogLevel>("LOG_LEVEL", "log_level",
                       {{"debug", LogLevel::kDebug},
                        {"info", LogLevel::kInfo},
                        {"warning", LogLevel::kWarning},
                        {"error", LogLevel::kError}},
                       FIELD(log_level)),
  };
}

#undef FIELD

// Levenshtein's distance.
std::size_t Distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  for (std::size_t i = 0; i <= other.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t replaced = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, replaced}));
    }
  }
  return row.back();
}

}  // namespace

const std::vector<Variable>& Variables() {
  static const std::vector<Variable> kAll = [] {
    std::vector<Variable> all;
    for (auto part : {&Connecting, &Streams, &Handling, &Serving}) std::ranges::move(part(), std::back_inserter(all));
    return all;
  }();
  return kAll;
}

std::string_view NearestName(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // what a user can have meant
  const auto begins = [name](const Variable& variable) { return !name.empty() && variable.name.starts_with(name); };
  const auto longer = std::ranges::find_if(Variables(), begins);
  if (longer != Variables().end()) return longer->name;
  return std::ranges::min_element(Variables(), {},
                                  [short_name = name.substr(0, kLongest)](const Variable& variable) {
                                    return Distance(short_name, variable.name);
                                  })
      ->name;
}

}  // namespace penstock
