// SPDX-License-Identifier: Apache-2.0
#include "options/options_check.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "naming/first_error.h"
#include "naming/names.h"
#include "naming/server_url.h"

namespace penstock {
namespace eventbus {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;
constexpr std::int64_t kPiB = std::int64_t{1} << 50;
constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kYearSeconds = 365 * kDaySeconds;
constexpr std::size_t kMaxInFlight = 65'536;

// Counts keep the unit of their field: converting a hostile duration could overflow.
struct Range {
  std::string_view field{};
  std::int64_t value = 0;
  std::int64_t least = 0;
  std::int64_t most = 0;
  std::string_view unit{};
  bool or_zero = false;
};

absl::Status CheckRanges(std::initializer_list<Range> ranges) {
  const auto* range = std::ranges::find_if(
      ranges, [](const Range& r) { return (r.value < r.least || r.value > r.most) && !(r.or_zero && r.value == 0); });
  if (range == ranges.end()) return absl::OkStatus();
  const std::string unit(range->unit);
  return BadField(range->field, absl::StrCat("is ", range->value, unit, "; use ", range->or_zero ? "0 or " : "",
                                             range->least, " to ", range->most, unit));
}

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

// What nats.c writes into its CONNECT line.
absl::Status CheckSecret(std::string_view field, std::string_view secret) {
  const bool plain = std::ranges::none_of(secret, [](unsigned char c) { return c < ' ' || c == 0x7F; });
  return plain ? absl::OkStatus() : BadField(field, "has a control character; check how it was read");
}

absl::Status CheckKinds(const Credentials& credentials, const UrlFacts& url) {
  if (!credentials.password.empty() && credentials.user.empty()) {
    return BadField("credentials.user", "is empty, though there is a password; set it");
  }
  const int kinds = (credentials.user.empty() ? 0 : 1) + (credentials.token.empty() ? 0 : 1) +
                    (credentials.credentials_file.empty() ? 0 : 1) + (url.has_credentials ? 1 : 0);
  if (kinds <= 1) return absl::OkStatus();
  return BadField("credentials",
                  "has more than one of user, token, credentials_file and a user or token in the url; "
                  "keep one");
}

absl::Status CheckCredentials(const Credentials& credentials, const UrlFacts& url) {
  return FirstError([&] { return CheckKinds(credentials, url); },
                    [&] { return CheckSecret("credentials.user", credentials.user); },
                    [&] { return CheckSecret("credentials.password", credentials.password); },
                    [&] { return CheckSecret("credentials.token", credentials.token); },
                    [&] { return CheckFile("credentials.credentials_file", credentials.credentials_file); });
}

absl::Status CheckTlsPurpose(const TlsOptions& tls, const UrlFacts& url) {
  const bool in_use = tls.mode != TlsOptions::Mode::kOff || url.tls;
  const bool set = !tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.private_key_file.empty() ||
                   !tls.expected_hostname.empty();
  if (in_use || !set) return absl::OkStatus();
  return BadField("tls.mode", "is kOff, though other fields of tls are set; set it to kRequired or empty them");
}

absl::Status CheckTlsPair(const TlsOptions& tls) {
  if (tls.certificate_file.empty() == tls.private_key_file.empty()) return absl::OkStatus();
  const bool certificate_missing = tls.certificate_file.empty();
  return BadField(certificate_missing ? "tls.certificate_file" : "tls.private_key_file",
                  "is empty, though its counterpart is set; set both or none");
}

absl::Status CheckTls(const TlsOptions& tls, const UrlFacts& url) {
  using enum TlsOptions::Mode;
  if (tls.mode != kOff && tls.mode != kRequired && tls.mode != kHandshakeFirst) {
    return BadField("tls.mode", "is no mode; use kOff, kRequired or kHandshakeFirst");
  }
  return FirstError([&] { return CheckTlsPurpose(tls, url); }, [&] { return CheckTlsPair(tls); },
                    [&] { return CheckFile("tls.ca_file", tls.ca_file); },
                    [&] { return CheckFile("tls.certificate_file", tls.certificate_file); },
                    [&] { return CheckFile("tls.private_key_file", tls.private_key_file); },
                    [&] { return CheckHostname("tls.expected_hostname", tls.expected_hostname); });
}

absl::Status CheckReplicas(int replicas) {
  if (replicas == 1 || replicas == 3 || replicas == 5) return absl::OkStatus();
  return BadField("limits.replicas", absl::StrCat("is ", replicas, "; use 1, 3 or 5"));
}

absl::Status CheckLimits(const StreamLimits& limits) {
  absl::Status status = CheckRanges({
      {"limits.memory_max_age", limits.memory_max_age.count(), 1, kYearSeconds, " s"},
      {"limits.memory_max_bytes", limits.memory_max_bytes, kMiB, kTiB},
      {"limits.file_max_age", limits.file_max_age.count(), 60, 10 * kYearSeconds, " s", true},
      {"limits.file_max_bytes", limits.file_max_bytes, kMiB, kPiB, "", true},
      {"limits.duplicate_window", limits.duplicate_window.count(), 1, kDaySeconds, " s"},
  });
  return status.ok() ? CheckReplicas(limits.replicas) : status;
}

absl::Status CheckTimes(const BusOptions& options) {
  constexpr std::int64_t kTenMinutesMs = 600 * kSecondMs;
  const absl::Status status = CheckRanges({
      {"connect_timeout", options.connect_timeout.count(), 100, kTenMinutesMs, " ms"},
      {"publish_timeout", options.publish_timeout.count(), 100, kTenMinutesMs, " ms"},
      {"publish_window", Count(options.publish_window), 1, Count(kMaxInFlight)},
  });
  if (!status.ok() || options.limits.duplicate_window >= 2 * options.publish_timeout) return status;
  return BadField("limits.duplicate_window", absl::StrCat("is ", options.limits.duplicate_window.count(),
                                                          " s; use at least twice publish_timeout"));
}

absl::Status CheckMismatch(StorageMismatch mismatch) {
  if (mismatch == StorageMismatch::kWarn || mismatch == StorageMismatch::kRefuse) return absl::OkStatus();
  return BadField("storage_mismatch", "is no choice; use kWarn or kRefuse");
}

absl::Status CheckBus(const BusOptions& options) {
  const absl::StatusOr<UrlFacts> url = ReadUrl(options.url);
  if (!url.ok()) return url.status();
  return FirstError([&] { return CheckName("client_id", options.client_id); },
                    [&] { return CheckName("base_stream_name", options.base_stream_name); },
                    [&] { return CheckCredentials(options.credentials, *url); },
                    [&] { return CheckTls(options.tls, *url); },
                    [&] { return Prefixed("field \"pool\"", options.pool.Validate()); },
                    [&] { return CheckMismatch(options.storage_mismatch); },
                    [&] { return CheckLimits(options.limits); }, [&] { return CheckTimes(options); });
}

absl::Status CheckRetry(const RetryPolicy& retry) {
  constexpr std::int64_t kDayMs = kDaySeconds * kSecondMs;
  const absl::Status status = CheckRanges({
      {"retry.max_attempts", Count(retry.max_attempts), 0, 1'000'000},
      {"retry.max_backoff", retry.max_backoff.count(), 0, kDayMs, " ms"},
      {"retry.min_backoff", retry.min_backoff.count(), 0, retry.max_backoff.count(), " ms"},
  });
  // Written so that NaN fails too.
  if (!status.ok() || (retry.jitter >= 0 && retry.jitter <= 1)) return status;
  return BadField("retry.jitter", absl::StrCat("is ", retry.jitter, "; use 0 to 1"));
}

absl::Status CheckSharing(Sharing sharing) {
  if (sharing == Sharing::kExclusive || sharing == Sharing::kShared) return absl::OkStatus();
  return BadField("sharing", "is no choice; use kExclusive or kShared");
}

absl::Status CheckAfterDeadLetter(AfterDeadLetter choice) {
  using enum AfterDeadLetter;
  if (choice == kContinue || choice == kQuarantine || choice == kBlock) return absl::OkStatus();
  return BadField("after_dead_letter", "is no choice; use kContinue, kQuarantine or kBlock");
}

// Members that share a consumer do not know of each other's letters.
absl::Status CheckQuarantine(const EnvelopeSubscribeOptions& options) {
  if (options.after_dead_letter != AfterDeadLetter::kQuarantine || options.sharing == Sharing::kExclusive) {
    return absl::OkStatus();
  }
  return BadField("after_dead_letter", "is kQuarantine on a shared consumer, which keeps no order; use kExclusive");
}

absl::Status CheckAckMode(const EnvelopeSubscribeOptions& options) {
  if (options.ack_mode == AckMode::kExplicit) return absl::OkStatus();
  if (options.ack_mode != AckMode::kCumulative) return BadField("ack_mode", "is none; use kExplicit or kCumulative");
  if (options.sharing == Sharing::kExclusive) return absl::OkStatus();
  return BadField("ack_mode",
                  "is kCumulative on a shared consumer, whose members would acknowledge for each other; "
                  "use kExclusive");
}

absl::Status CheckHandlerName(std::string_view name) {
  constexpr std::size_t kLongest = 128;
  const bool visible = std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (name.size() <= kLongest && visible) return absl::OkStatus();
  return BadField("handler_name", absl::StrCat("is no name; use up to ", kLongest, " bytes of visible ASCII"));
}

absl::Status CheckFormat(EnvelopeFormat format) {
  if (format == EnvelopeFormat::kProtobuf || format == EnvelopeFormat::kJson) return absl::OkStatus();
  return BadField("format", "is no format; use kProtobuf or kJson");
}

absl::Status CheckInFlight(std::size_t count) {
  return CheckRanges({{"max_in_flight", Count(count), 1, Count(kMaxInFlight)}});
}

}  // namespace

absl::Status CheckOptions(const PublishOptions& options) {
  return Prefixed(
      "publish options",
      FirstError([&] { return options.message_id.empty() ? absl::OkStatus() : CheckMessageId(options.message_id); },
                 [&] { return options.key.empty() ? absl::OkStatus() : CheckAggregateId("key", options.key); },
                 [&] { return CheckHeaders(options.headers); }, [&] { return CheckFormat(options.format); }));
}

absl::Status CheckOptions(const SubscribeOptions& options) {
  return Prefixed("subscribe options", FirstError([&] { return CheckOptionalName("group", options.group); },
                                                  [&] { return CheckInFlight(options.max_in_flight); }));
}

absl::Status CheckOptions(const EnvelopeSubscribeOptions& options) {
  constexpr std::int64_t kDayMs = kDaySeconds * kSecondMs;
  return Prefixed(
      "envelope subscribe options",
      FirstError([&] { return CheckOptionalName("durable", options.durable); },
                 [&] { return CheckSharing(options.sharing); }, [&] { return CheckAckMode(options); },
                 [&] { return CheckHandlerName(options.handler_name); }, [&] { return CheckRetry(options.retry); },
                 [&] { return CheckAfterDeadLetter(options.after_dead_letter); },
                 [&] { return CheckQuarantine(options); }, [&] { return CheckInFlight(options.max_in_flight); },
                 [&] {
                   return CheckRanges(
                       {{"outage_after", Count(options.outage_after), 0, 1'000'000},
                        {"stuck_after", options.stuck_after.count(), 100, kDayMs, " ms", true},
                        {"max_in_flight_bytes", Count(options.max_in_flight_bytes), 64LL << 10, 64LL << 30, " bytes"},
                        {"ack_wait", options.ack_wait.count(), kSecondMs, kDayMs, " ms", true}});
                 }));
}

}  // namespace eventbus

absl::Status BusOptions::Validate() const { return eventbus::Prefixed("bus options", eventbus::CheckBus(*this)); }

}  // namespace penstock
