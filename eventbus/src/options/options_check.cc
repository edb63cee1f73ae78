// SPDX-License-Identifier: Apache-2.0
#include "options/options_check.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "naming/first_error.h"
#include "naming/names.h"
#include "naming/server_url.h"
#include "naming/timestamp.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock {
namespace eventbus {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;
constexpr std::int64_t kPiB = std::int64_t{1} << 50;
constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kDayMs = kDaySeconds * kSecondMs;
constexpr std::int64_t kYearSeconds = 365 * kDaySeconds;
constexpr std::int64_t kLongestDelayMs = 10 * kYearSeconds * kSecondMs;
constexpr std::int64_t kMaxInFlight = 65'536;
constexpr std::int64_t kMaxPriority = 100;
constexpr std::size_t kMostClasses = 8;
constexpr std::size_t kMaxIdBytes = 128;

// Counts keep the unit of their field: converting a hostile duration could overflow.
struct Range {
  std::string_view field{};
  std::int64_t value = 0;
  std::int64_t least = 0;
  std::int64_t most = 0;
  const char* unit = "";
  bool or_zero = false;
};

absl::Status CheckRanges(std::initializer_list<Range> ranges) {
  const auto* range = std::ranges::find_if(
      ranges, [](const Range& r) { return (r.value < r.least || r.value > r.most) && !(r.or_zero && r.value == 0); });
  if (range == ranges.end()) return absl::OkStatus();
  return BadField(range->field, absl::StrCat("is ", range->value, range->unit, "; use ", range->or_zero ? "0 or " : "",
                                             range->least, " to ", range->most, range->unit));
}

Range PriorityRange(int priority) { return {"priority", priority, -kMaxPriority, kMaxPriority}; }

std::int64_t Count(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max()));
}

absl::Status CheckOptionalName(std::string_view field, std::string_view name) {
  return name.empty() ? absl::OkStatus() : CheckName(field, name);
}

// Names neither the path nor what the system says of it: a secret put in the wrong field must not end up in a log.
absl::Status CheckFile(std::string_view field, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::error_code error;
  const bool whole = path.find('\0') == std::string::npos;
  if (whole && std::filesystem::is_regular_file(path, error) && std::ifstream(path).good()) return absl::OkStatus();
  return BadField(field, "names no file that can be read; check the path and its permissions");
}

// For texts that go into the CONNECT line.
absl::Status CheckSecret(std::string_view field, std::string_view secret) {
  const bool plain = std::ranges::none_of(secret, [](unsigned char c) { return c < ' ' || c == 0x7F; });
  return Require(plain, field, "has a control character; check how it was read");
}

absl::Status CheckCredentials(const Credentials& credentials, const UrlFacts& url) {
  const auto& [user, password, token, file] = credentials;
  const int kinds = !user.empty() + !token.empty() + !file.empty() + url.has_credentials;
  return FirstError(
      Require(password.empty() || !user.empty(), "credentials.user", "is empty, though there is a password; set it"),
      Require(kinds <= 1, "credentials",
              "has more than one of user, token, credentials_file and a user or token in the url; keep one"),
      CheckSecret("credentials.user", user), CheckSecret("credentials.password", password),
      CheckSecret("credentials.token", token), CheckFile("credentials.credentials_file", file));
}

absl::Status CheckTls(const TlsOptions& tls, const UrlFacts& url) {
  using enum TlsOptions::Mode;
  const bool in_use = tls.mode != kOnDemand || url.tls;
  const bool no_certificate = tls.certificate_file.empty();
  const bool no_key = tls.private_key_file.empty();
  const bool set = !tls.ca_file.empty() || !no_certificate || !no_key || !tls.expected_hostname.empty();
  return FirstError(Require(tls.mode == kOnDemand || tls.mode == kRequired || tls.mode == kHandshakeFirst, "tls.mode",
                            "is no mode; use kOnDemand, kRequired or kHandshakeFirst"),
                    Require(in_use || !set, "tls.mode",
                            "is kOnDemand, though other fields of tls are set; set it to kRequired or empty them"),
                    Require(no_certificate == no_key, no_certificate ? "tls.certificate_file" : "tls.private_key_file",
                            "is empty, though its counterpart is set; set both or none"),
                    CheckFile("tls.ca_file", tls.ca_file), CheckFile("tls.certificate_file", tls.certificate_file),
                    CheckFile("tls.private_key_file", tls.private_key_file),
                    CheckHostname("tls.expected_hostname", tls.expected_hostname));
}

absl::Status CheckSubjects(const BusOptions& options) {
  const auto& [domain, prefix, inbox] =
      std::tie(options.jetstream_domain, options.jetstream_api_prefix, options.inbox_prefix);
  return FirstError(domain.empty() ? absl::OkStatus() : CheckSubjectPrefix("jetstream_domain", domain),
                    Require(domain.find('.') == std::string::npos, "jetstream_domain",
                            absl::StrCat("is ", Quoted(domain), "; use one token, or set jetstream_api_prefix")),
                    Require(domain.empty() || prefix.empty(), "jetstream_api_prefix",
                            "is set together with jetstream_domain, which is a prefix too; keep one"),
                    prefix.empty() ? absl::OkStatus() : CheckSubjectPrefix("jetstream_api_prefix", prefix),
                    CheckSubjectPrefix("inbox_prefix", inbox),
                    Require(!inbox.starts_with('$'), "inbox_prefix",
                            "begins with $, where servers have their own subjects; choose another"));
}

absl::Status CheckLimits(const StreamLimits& limits) {
  const int replicas = limits.replicas;
  return FirstError(CheckRanges({
                        {"limits.memory_max_age", limits.memory_max_age.count(), 1, kYearSeconds, " s"},
                        {"limits.memory_max_bytes", limits.memory_max_bytes, kMiB, kTiB},
                        {"limits.file_max_age", limits.file_max_age.count(), 60, 10 * kYearSeconds, " s", true},
                        {"limits.file_max_bytes", limits.file_max_bytes, kMiB, kPiB, "", true},
                        {"limits.duplicate_window", limits.duplicate_window.count(), 1, kDaySeconds, " s"},
                    }),
                    Require(replicas == 1 || replicas == 3 || replicas == 5, "limits.replicas",
                            absl::StrCat("is ", replicas, "; use 1, 3 or 5")));
}

absl::Status CheckTimes(const BusOptions& options) {
  constexpr std::int64_t kTenMinutesMs = 600 * kSecondMs;
  return CheckRanges({
      {"connect_timeout", options.connect_timeout.count(), 100, kTenMinutesMs, " ms", true},
      {"publish_timeout", options.publish_timeout.count(), 100, kTenMinutesMs, " ms"},
      {"publish_window", Count(options.publish_window), 1, kMaxInFlight},
      {"liveness.period", options.liveness.period.count(), 100, kTenMinutesMs, " ms"},
  });
}

// For times in their ranges: others could overflow.
absl::Status CheckDuplicateWindow(const BusOptions& options) {
  const std::chrono::seconds window = options.limits.duplicate_window;
  return Require(window >= 2 * options.publish_timeout, "limits.duplicate_window",
                 absl::StrCat("is ", window.count(), " s; use at least twice publish_timeout"));
}

absl::Status CheckMiddleware(const std::vector<std::shared_ptr<Middleware>>& middleware) {
  const bool null = std::ranges::find(middleware, nullptr) != middleware.end();
  return Require(!null, "middleware", "has a null pointer; leave it out");
}

absl::Status CheckBus(const BusOptions& options) {
  using enum StorageMismatch;
  const absl::StatusOr<UrlFacts> url = ReadUrl(options.url);
  if (!url.ok()) return url.status();
  const StorageMismatch mismatch = options.storage_mismatch;
  return FirstError(
      CheckName("client_id", options.client_id), CheckName("base_stream_name", options.base_stream_name),
      CheckName("liveness.bucket", options.liveness.bucket), CheckCredentials(options.credentials, *url),
      CheckTls(options.tls, *url), CheckSubjects(options), Prefixed("field \"pool\"", options.pool.Validate()),
      Require(mismatch == kWarn || mismatch == kRefuse, "storage_mismatch", "is no choice; use kWarn or kRefuse"),
      CheckLimits(options.limits), CheckTimes(options), [&] { return CheckDuplicateWindow(options); },
      [&] { return CheckMiddleware(options.middleware); });
}

// Written so that NaN fails too.
absl::Status CheckRate(std::string_view field, const RateLimit& limit) {
  const double rate = limit.per_second;
  const bool sane = rate == 0 || (rate >= 0.001 && rate <= 1e6);
  if (!sane) {
    return absl::InvalidArgumentError(
        absl::StrCat("field \"", std::string(field), ".per_second\" is ", rate, "; use 0, or 0.001 to 1000000"));
  }
  if (limit.burst >= 1 && limit.burst <= 1'000'000) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("field \"", std::string(field), ".burst\" is ", limit.burst, "; use 1 to 1000000"));
}

absl::Status CheckClasses(const std::vector<std::string>& classes) {
  if (classes.size() > kMostClasses)
    return BadField("priority_classes", absl::StrCat("has ", classes.size(), " names; use up to ", kMostClasses));
  const std::set<std::string_view> different(classes.begin(), classes.end());
  absl::Status status =
      Require(different.size() == classes.size(), "priority_classes", "has a name twice; name it once");
  for (const std::string& name : classes) status.Update(CheckName("priority_classes", name));
  return status;
}

absl::Status CheckRetry(const RetryPolicy& retry) {
  return FirstError(CheckRanges({
                        {"retry.max_attempts", Count(retry.max_attempts), 0, 1'000'000},
                        {"retry.max_backoff", retry.max_backoff.count(), 0, kDayMs, " ms"},
                        {"retry.min_backoff", retry.min_backoff.count(), 0, retry.max_backoff.count(), " ms"},
                    }),
                    // Written so that NaN fails too.
                    Require(retry.jitter >= 0 && retry.jitter <= 1, "retry.jitter",
                            absl::StrCat("is ", retry.jitter, "; use 0 to 1")));
}

absl::Status CheckWhenFull(WhenFull when_full) {
  return Require(when_full >= WhenFull::kBlock && when_full <= WhenFull::kDisconnect, "when_full",
                 "is no choice; use kBlock, kDropOldest, kDropNewest or kDisconnect");
}

absl::Status CheckDelay(const PublishOptions& options) {
  if (!IsDelayed(options)) return absl::OkStatus();
  const bool at = options.deliver_at != std::chrono::system_clock::time_point{};
  return FirstError(
      CheckRanges({{"delay", options.delay.count(), 0, kLongestDelayMs}}),
      Require(!at || IsTimestampInRange(options.deliver_at), "deliver_at", "is beyond the years 1678 to 2261"),
      Require(!at || options.delay.count() == 0, "delay", "is set, and so is deliver_at; set one"));
}

}  // namespace

std::chrono::system_clock::time_point DueTime(const PublishOptions& options) {
  return std::max(LaterBy(std::chrono::system_clock::now(), options.delay), options.deliver_at);
}

absl::Status CheckOptions(const PublishOptions& options) {
  using enum EnvelopeFormat;
  return Prefixed("publish options",
                  FirstError(CheckVisibleAscii("message_id", options.message_id, kMaxIdBytes, Presence::kOptional),
                             options.key.empty() ? absl::OkStatus() : CheckAggregateId("key", options.key),
                             CheckHeaders(options.headers), CheckRanges({PriorityRange(options.priority)}),
                             CheckOptionalName("priority_class", options.priority_class),
                             Require(options.format == kProtobuf || options.format == kJson, "format",
                                     "is no format; use kProtobuf or kJson"),
                             CheckDelay(options)));
}

absl::Status CheckOptions(const SubscribeOptions& options) {
  const bool drops = options.when_full != WhenFull::kBlock;
  return Prefixed("subscribe options",
                  FirstError(CheckOptionalName("group", options.group),
                             CheckRanges({{"max_in_flight", Count(options.max_in_flight), 1, kMaxInFlight},
                                          {"queue_capacity", Count(options.queue_capacity), 0, kMaxInFlight}}),
                             CheckWhenFull(options.when_full),
                             Require(!drops || options.queue_capacity > 0, "queue_capacity",
                                     "is 0, though when_full is not kBlock; set it, such as to 128")));
}

absl::Status CheckOptions(const ReaderOptions& options) {
  return Prefixed("reader options",
                  FirstError(CheckOptionalName("group", options.group),
                             CheckRanges({{"queue_capacity", Count(options.queue_capacity), 1, kMaxInFlight}}),
                             CheckWhenFull(options.when_full)));
}

absl::Status CheckOptions(const EnvelopeSubscribeOptions& options) {
  using enum AfterDeadLetter;
  const bool shared = options.sharing == Sharing::kShared;
  const bool cumulative = options.ack_mode == AckMode::kCumulative;
  const AfterDeadLetter after = options.after_dead_letter;
  const WhenExpired when_expired = options.when_expired;
  return Prefixed(
      "envelope subscribe options",
      FirstError(
          CheckOptionalName("durable", options.durable),
          Require(shared || options.sharing == Sharing::kExclusive, "sharing",
                  "is no choice; use kExclusive or kShared"),
          Require(cumulative || options.ack_mode == AckMode::kExplicit, "ack_mode",
                  "is none; use kExplicit or kCumulative"),
          Require(!shared || !cumulative, "ack_mode",
                  "is kCumulative on a shared consumer, whose members would acknowledge for each other; "
                  "use kExclusive"),
          CheckVisibleAscii("handler_name", options.handler_name, kMaxIdBytes, Presence::kOptional),
          CheckRetry(options.retry), CheckMiddleware(options.middleware), CheckRate("rate", options.rate),
          CheckRate("key_rate", options.key_rate),
          Require(after == kContinue || after == kQuarantine || after == kBlock, "after_dead_letter",
                  "is no choice; use kContinue, kQuarantine or kBlock"),
          // Members that share a consumer do not know of each other's letters.
          Require(!shared || after != kQuarantine, "after_dead_letter",
                  "is kQuarantine on a shared consumer, which keeps no order; use kExclusive"),
          Require(when_expired == WhenExpired::kDeadLetter || when_expired == WhenExpired::kDrop, "when_expired",
                  "is no choice; use kDeadLetter or kDrop"),
          Require(options.max_age.count() == 0 || after != kBlock || when_expired == WhenExpired::kDrop, "when_expired",
                  "is kDeadLetter, and with after_dead_letter kBlock nothing is given up; use kDrop"),
          Require(options.by_priority || !options.priority_classes.empty() || options.priority == 0, "priority",
                  "is set, though by_priority is not; set both or none"),
          CheckClasses(options.priority_classes),
          CheckRanges({PriorityRange(options.priority),
                       {"time_limit", options.time_limit.count(), 1, kDayMs, " ms", true},
                       {"max_age", options.max_age.count(), 1, 3653 * kDayMs, " ms", true},
                       {"max_concurrent", Count(options.max_concurrent), 0, kMaxInFlight},
                       {"max_in_flight", Count(options.max_in_flight), 1, kMaxInFlight},
                       {"outage_after", Count(options.outage_after), 0, 1'000'000},
                       {"stuck_after", options.stuck_after.count(), 100, kDayMs, " ms", true},
                       {"max_in_flight_bytes", Count(options.max_in_flight_bytes), 64LL << 10, 64LL << 30, " bytes"},
                       {"ack_wait", options.ack_wait.count(), kSecondMs, kDayMs, " ms", true}})));
}

}  // namespace eventbus

absl::Status BusOptions::Validate() const { return eventbus::Prefixed("bus options", eventbus::CheckBus(*this)); }

}  // namespace penstock
