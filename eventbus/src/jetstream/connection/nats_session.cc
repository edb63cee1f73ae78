// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/nats_session.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "jetstream/connection/nats_status.h"

namespace penstock::eventbus::jetstream {
namespace {

// A server that does not answer is given up after 3 to 4.5 s.
constexpr int kPingMilliseconds = 1500;
constexpr int kPingsOut = 2;
constexpr int kBufferBytes = 4096;

struct DestroyOptions {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
};

// The relay sees and tells every error of the server itself; the library's own handler prints them.
void IgnoreError(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsStatus /*status*/,
                 void* /*closure*/) {}

// Applies settings until one fails, and remembers its name.
class Settings {
 public:
  void Apply(const char* name, natsStatus result) {
    if (status_ != NATS_OK || result == NATS_OK) return;
    status_ = result;
    name_ = name;
  }
  absl::Status Result() const {
    return status_ == NATS_OK ? absl::OkStatus() : NatsError(absl::StrCat("option ", name_), status_);
  }

 private:
  natsStatus status_ = NATS_OK;
  const char* name_ = "";
};

absl::Status Apply(natsOptions* options, int relay_port, const std::string& admission,
                   const std::string& credentials_file, std::chrono::milliseconds timeout) {
  Settings settings;
  settings.Apply("url", natsOptions_SetURL(options, absl::StrCat("nats://127.0.0.1:", relay_port).c_str()));
  settings.Apply("name", natsOptions_SetName(options, admission.c_str()));
  settings.Apply("connect_timeout", natsOptions_SetTimeout(options, std::max<std::int64_t>(timeout.count(), 1)));
  settings.Apply("reconnect", natsOptions_SetAllowReconnect(options, false));
  settings.Apply("discovered servers", natsOptions_SetIgnoreDiscoveredServers(options, true));
  settings.Apply("ping interval", natsOptions_SetPingInterval(options, kPingMilliseconds));
  settings.Apply("pings out", natsOptions_SetMaxPingsOut(options, kPingsOut));
  settings.Apply("send asap", natsOptions_SetSendAsap(options, true));
  settings.Apply("buffer size", natsOptions_SetIOBufSize(options, kBufferBytes));
  settings.Apply("error handler", natsOptions_SetErrorHandler(options, IgnoreError, nullptr));
  if (!credentials_file.empty()) {
    settings.Apply("credentials.credentials_file",
                   natsOptions_SetUserCredentialsFromFiles(options, credentials_file.c_str(), nullptr));
  }
  return settings.Result();
}

}  // namespace

absl::StatusOr<NatsSession> NatsSession::Open(int relay_port, const std::string& admission,
                                              const std::string& credentials_file, std::chrono::milliseconds timeout) {
  natsOptions* raw = nullptr;
  if (const natsStatus created = natsOptions_Create(&raw); created != NATS_OK) return NatsError("options", created);
  const std::unique_ptr<natsOptions, DestroyOptions> options(raw);
  absl::Status applied = Apply(raw, relay_port, admission, credentials_file, timeout);
  if (!applied.ok()) return applied;
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, raw);
  if (status == NATS_OK) return NatsSession(connection);
  natsConnection_Destroy(connection);
  return NatsError("session", status == NATS_TIMEOUT ? NATS_NO_SERVER : status);
}

}  // namespace penstock::eventbus::jetstream
