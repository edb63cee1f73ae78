// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/nats_session.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/connection/nats_status.h"

namespace penstock::eventbus::jetstream {
namespace {

// A server that does not answer is given up after 3 to 4.5 s.
constexpr int kPingMilliseconds = 1500;
constexpr int kPingsOut = 2;
constexpr int kBufferBytes = 4096;

// The relay sees and tells every error of the server itself; the library's own handler prints them.
void IgnoreError(natsConnection* /*connection*/, natsSubscription* /*subscription*/, natsStatus /*status*/,
                 void* /*closure*/) {}

// The other end's port of a TCP socket on IPv4; 0 for any other descriptor.
int PeerPort(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  const bool connected = getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  return connected && address.sin_family == AF_INET ? ntohs(address.sin_port) : 0;
}

// The library's sockets stay open in programs that a handler starts, and its API does not tell their descriptors. The
// one in question is connected to the relay, as nothing else is.
void CloseOnExec(int relay_port) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int descriptor = std::atoi(entry.path().filename().c_str());
    if (PeerPort(descriptor) == relay_port) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
}

// When it is opened first, the library makes the process ignore SIGPIPE, and programs that the process starts inherit
// that. A handler that does nothing protects the process as well, and no other program gets it.
void OpenLibrary() {
  static const bool kOpened = [] {
    struct sigaction before {};
    struct sigaction after {};
    sigaction(SIGPIPE, nullptr, &before);
    const bool opened = nats_Open(/*lockSpinCount=*/-1) == NATS_OK;
    sigaction(SIGPIPE, nullptr, &after);
    if (before.sa_handler == SIG_IGN || after.sa_handler != SIG_IGN) return opened;
    if (before.sa_handler == SIG_DFL) {
      before.sa_handler = [](int /*signal*/) {};
      before.sa_flags = SA_RESTART;
    }
    sigaction(SIGPIPE, &before, nullptr);
    return opened;
  }();
  static_cast<void>(kOpened);  // an error comes again, from the options
}

absl::Status Apply(natsOptions* options, int relay_port, const std::string& admission,
                   const std::string& credentials_file, std::chrono::milliseconds timeout) {
  const std::string url = absl::StrCat("nats://127.0.0.1:", relay_port);
  const std::pair<const char*, natsStatus> results[] = {
      {"url", natsOptions_SetURL(options, url.c_str())},
      {"name", natsOptions_SetName(options, admission.c_str())},
      {"connect_timeout", natsOptions_SetTimeout(options, std::max<std::int64_t>(timeout.count(), 1))},
      {"reconnect", natsOptions_SetAllowReconnect(options, false)},
      {"discovered servers", natsOptions_SetIgnoreDiscoveredServers(options, true)},
      {"ping interval", natsOptions_SetPingInterval(options, kPingMilliseconds)},
      {"pings out", natsOptions_SetMaxPingsOut(options, kPingsOut)},
      {"send asap", natsOptions_SetSendAsap(options, true)},
      {"buffer size", natsOptions_SetIOBufSize(options, kBufferBytes)},
      {"error handler", natsOptions_SetErrorHandler(options, IgnoreError, nullptr)},
      {"credentials.credentials_file",
       credentials_file.empty() ? NATS_OK
                                : natsOptions_SetUserCredentialsFromFiles(options, credentials_file.c_str(), nullptr)}};
  for (const auto& [name, result] : results) {
    if (result != NATS_OK) return NatsError(absl::StrCat("option ", name), result);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NatsSession> OpenSession(int relay_port, const std::string& admission,
                                        const std::string& credentials_file, std::chrono::milliseconds timeout) {
  OpenLibrary();
  natsOptions* raw = nullptr;
  if (const natsStatus created = natsOptions_Create(&raw); created != NATS_OK) return NatsError("options", created);
  const std::unique_ptr<natsOptions, void (*)(natsOptions*)> options(raw, natsOptions_Destroy);
  absl::Status applied = Apply(raw, relay_port, admission, credentials_file, timeout);
  if (!applied.ok()) return applied;
  natsConnection* connection = nullptr;
  const natsStatus status = natsConnection_Connect(&connection, raw);
  if (status == NATS_OK) {
    CloseOnExec(relay_port);
    return NatsSession(connection);
  }
  natsConnection_Destroy(connection);
  return NatsError("session", status == NATS_TIMEOUT ? NATS_NO_SERVER : status);
}

}  // namespace penstock::eventbus::jetstream
