// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/connect_options.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jetstream/connection/status_mapping.h"

namespace penstock::eventbus::jetstream {
namespace {

// A dead connection is given up after 3 to 4.5 s.
constexpr int kPingMilliseconds = 1500;
constexpr int kPingsOut = 2;
constexpr int kWriteDeadlineMilliseconds = 3000;
constexpr std::int64_t kLongestAttemptMilliseconds = 3000;

// `user:password@` of a URL, empty when there is none.
std::string UserInfo(const std::string& server) {
  const std::size_t scheme = server.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t end = server.rfind('@');
  return end == std::string::npos || end < begin ? "" : server.substr(begin, end + 1 - begin);
}

std::string HostOf(const std::string& server) {
  const std::size_t scheme = server.find("://");
  const std::size_t user = server.rfind('@');
  if (user != std::string::npos) return server.substr(user + 1);
  return scheme == std::string::npos ? server : server.substr(scheme + 3);
}

// Applies settings until one fails and remembers its name.
class Settings {
 public:
  void Apply(const char* name, natsStatus result) {
    if (status_ != NATS_OK || result == NATS_OK) return;
    status_ = result;
    name_ = name;
  }
  absl::Status Result() const {
    return status_ == NATS_OK ? absl::OkStatus() : NatsError(absl::StrCat("connect: option ", name_), status_);
  }

 private:
  natsStatus status_ = NATS_OK;
  const char* name_ = "";
};

void ApplyTls(natsOptions* out, const TlsOptions& tls, Settings& settings) {
  settings.Apply("tls.mode", natsOptions_SetSecure(out, true));
  if (!tls.ca_file.empty()) {
    settings.Apply("tls.ca_file", natsOptions_LoadCATrustedCertificates(out, tls.ca_file.c_str()));
  }
  if (!tls.certificate_file.empty()) {
    settings.Apply("tls.certificate_file",
                   natsOptions_LoadCertificatesChain(out, tls.certificate_file.c_str(), tls.private_key_file.c_str()));
  }
  if (!tls.expected_hostname.empty()) {
    settings.Apply("tls.expected_hostname", natsOptions_SetExpectedHostname(out, tls.expected_hostname.c_str()));
  }
}

void ApplyCredentials(natsOptions* out, const Credentials& credentials, Settings& settings) {
  if (!credentials.user.empty()) {
    settings.Apply("credentials.user",
                   natsOptions_SetUserInfo(out, credentials.user.c_str(), credentials.password.c_str()));
  }
  if (!credentials.token.empty()) {
    settings.Apply("credentials.token", natsOptions_SetToken(out, credentials.token.c_str()));
  }
  if (!credentials.credentials_file.empty()) {
    settings.Apply("credentials.credentials_file",
                   natsOptions_SetUserCredentialsFromFiles(out, credentials.credentials_file.c_str(), nullptr));
  }
}

}  // namespace

bool WantsTls(const BusOptions& options, const std::vector<std::string>& servers) {
  return options.tls.mode == TlsOptions::Mode::kRequired ||
         std::any_of(servers.begin(), servers.end(),
                     [](const std::string& server) { return absl::StartsWithIgnoreCase(server, "tls://"); });
}

std::vector<std::string> SplitServers(std::string_view url) {
  std::vector<std::string> servers = absl::StrSplit(std::string(url), ',');
  for (std::string& server : servers) absl::StripAsciiWhitespace(&server);
  servers.erase(std::remove(servers.begin(), servers.end(), std::string()), servers.end());
  return servers;
}

std::vector<std::string> MergeServers(std::vector<std::string> servers, const std::vector<std::string>& discovered) {
  if (servers.empty()) return servers;
  const std::string user_info = UserInfo(servers.front());
  const std::string scheme = absl::StartsWithIgnoreCase(servers.front(), "tls://") ? "tls://" : "nats://";
  const std::size_t configured = servers.size();
  for (const std::string& server : discovered) {
    const std::string host = HostOf(server);
    const bool known = std::any_of(servers.begin(), servers.begin() + static_cast<std::ptrdiff_t>(configured),
                                   [&](const std::string& other) { return HostOf(other) == host; });
    if (!known) servers.push_back(absl::StrCat(scheme, user_info, host));
  }
  return servers;
}

absl::StatusOr<OptionsHandle> MakeConnectOptions(const BusOptions& options, const std::vector<std::string>& servers) {
  natsOptions* raw = nullptr;
  if (const natsStatus created = natsOptions_Create(&raw); created != NATS_OK) return NatsError("connect", created);
  OptionsHandle out(raw);
  std::vector<const char*> urls;
  for (const std::string& server : servers) urls.push_back(server.c_str());
  const auto attempt = std::min<std::int64_t>(options.connect_timeout.count(), kLongestAttemptMilliseconds);
  Settings settings;
  settings.Apply("url", natsOptions_SetServers(raw, urls.data(), static_cast<int>(urls.size())));
  settings.Apply("client_id", natsOptions_SetName(raw, options.client_id.c_str()));
  settings.Apply("connect_timeout", natsOptions_SetTimeout(raw, attempt));
  // A generic `-ERR` ends a connection for good in every released version, so whoever holds it has to be able to make a
  // new one; then one way of recovering is better than two.
  settings.Apply("reconnect", natsOptions_SetAllowReconnect(raw, false));
  settings.Apply("ping interval", natsOptions_SetPingInterval(raw, kPingMilliseconds));
  settings.Apply("pings out", natsOptions_SetMaxPingsOut(raw, kPingsOut));
  settings.Apply("write deadline", natsOptions_SetWriteDeadline(raw, kWriteDeadlineMilliseconds));
  ApplyCredentials(raw, options.credentials, settings);
  if (WantsTls(options, servers)) ApplyTls(raw, options.tls, settings);
  if (absl::Status result = settings.Result(); !result.ok()) return result;
  return out;
}

}  // namespace penstock::eventbus::jetstream
