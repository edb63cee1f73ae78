// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/connector.h"

#include <poll.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/protocol/protocol_parser.h"
#include "jetstream/socket/tcp_stream.h"
#include "jetstream/socket/tls_stream.h"

namespace penstock::eventbus::jetstream {
namespace {

/// The first line of a server, and what was read behind it.
struct Greeting {
  ServerInfo info{};
  std::string rest{};
};

absl::StatusOr<Greeting> ReadGreeting(ByteStream& stream, const WaitLimit& limit) {
  std::string text;
  std::array<char, 4096> bytes;
  while (text.size() < ProtocolParser::kBufferBytes) {
    const iovec room{bytes.data(), bytes.size()};
    const ByteStream::Progress progress = stream.Read({&room, 1});
    if (progress.ended) return stream.fault();
    text.append(bytes.data(), progress.bytes);
    if (const std::size_t end = text.find('\n'); end != std::string::npos) {
      const std::size_t length = end > 0 && text[end - 1] == '\r' ? end - 1 : end;
      absl::StatusOr<ServerInfo> info = ParseServerInfo(std::string_view(text).substr(0, length));
      if (!info.ok()) return info.status();
      return Greeting{*std::move(info), text.substr(end + 1)};
    }
    if (progress.bytes > 0) continue;
    if (absl::Status ready = AwaitReady(stream.descriptor(), POLLIN, limit); !ready.ok()) return ready;
  }
  return absl::UnavailableError("what answers is no NATS server; check host and port");
}

absl::StatusOr<ReachedServer> ReachEncryptedFirst(FileDescriptor socket, const ServerAddress& address,
                                                  const BusOptions& options, const WaitLimit& limit) {
  absl::StatusOr<std::unique_ptr<ByteStream>> stream =
      TlsStream::Handshake(std::move(socket), address.host, options.tls, limit);
  if (!stream.ok()) return stream.status();
  absl::StatusOr<Greeting> greeting = ReadGreeting(**stream, limit);
  if (!greeting.ok()) return greeting.status();
  return ReachedServer{address, *std::move(stream), /*encrypted=*/true, std::move(greeting->rest),
                       std::move(greeting->info)};
}

// Plaintext behind INFO would be taken for something encrypted.
absl::Status CheckUpgrade(const Greeting& greeting) {
  if (!greeting.info.tls_required && !greeting.info.tls_available) {
    return absl::FailedPreconditionError(
        "TLS: the server has no TLS; use a nats:// url and no tls.mode, or enable TLS on the server");
  }
  if (greeting.rest.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError("TLS: the server goes on in the clear; something stands between");
}

}  // namespace

absl::StatusOr<ReachedServer> ReachServer(const ServerAddress& address, const BusOptions& options, bool wants_tls,
                                          const WaitLimit& limit) {
  absl::StatusOr<FileDescriptor> socket = Dial(address, limit);
  if (!socket.ok()) return socket.status();
  if (options.tls.mode == TlsOptions::Mode::kHandshakeFirst) {
    return ReachEncryptedFirst(*std::move(socket), address, options, limit);
  }
  auto plain = std::make_unique<TcpStream>(*std::move(socket));
  absl::StatusOr<Greeting> greeting = ReadGreeting(*plain, limit);
  if (!greeting.ok()) return greeting.status();
  auto& [info, rest] = *greeting;
  if (!wants_tls && !info.tls_required) {
    return ReachedServer{address, std::move(plain), /*encrypted=*/false, std::move(rest), std::move(info)};
  }
  if (absl::Status fits = CheckUpgrade(*greeting); !fits.ok()) return fits;
  absl::StatusOr<std::unique_ptr<ByteStream>> stream =
      TlsStream::Handshake(plain->TakeSocket(), address.host, options.tls, limit);
  if (stream.ok()) return ReachedServer{address, *std::move(stream), /*encrypted=*/true, "", std::move(info)};
  if (wants_tls || !absl::IsFailedPrecondition(stream.status())) return stream.status();
  return absl::FailedPreconditionError(
      absl::StrCat(stream.status().message(), " (the server requires TLS: set tls.mode and the tls options)"));
}

ClientIdentity IdentityOf(const BusOptions& options, const ReachedServer& server) {
  const bool from_options = !options.credentials.user.empty() || !options.credentials.token.empty();
  return {.name = options.client_id,
          .user = from_options ? options.credentials.user : server.address.user,
          .password = from_options ? options.credentials.password : server.address.password,
          .token = from_options ? options.credentials.token : server.address.token,
          .encrypted = server.encrypted};
}

}  // namespace penstock::eventbus::jetstream
