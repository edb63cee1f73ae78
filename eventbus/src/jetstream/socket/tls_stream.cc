// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/tls_stream.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/socket/tls_context.h"
#include "jetstream/socket/tls_fault.h"

namespace penstock::eventbus::jetstream {
namespace {

bool MayGoOn() { return errno == EAGAIN || errno == EINTR; }

int SocketOf(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE when the connection is gone.
int Send(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(SocketOf(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (sent < 0 && MayGoOn()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int Receive(BIO* bio, char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t received = recv(SocketOf(bio), bytes, static_cast<std::size_t>(count), 0);
  if (received < 0 && MayGoOn()) BIO_set_retry_read(bio);
  if (received == 0) errno = 0;  // an end of file is no error of the system
  return static_cast<int>(received);
}

long Control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock socket");
    BIO_meth_set_write(method, Send);
    BIO_meth_set_read(method, Receive);
    BIO_meth_set_ctrl(method, Control);
    return method;
  }();
  return kMethod;
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// The name that the certificate must carry, and that the server is told beforehand (SNI).
bool ExpectHost(SSL* session, const std::string& host) {
  if (IsAddress(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
  return SSL_set1_host(session, host.c_str()) == 1 && SSL_set_tlsext_host_name(session, host.c_str()) == 1;
}

}  // namespace

absl::StatusOr<TlsStream::Session> TlsStream::MakeSession(int socket, const std::string& host,
                                                          const TlsOptions& options) {
  absl::StatusOr<TlsContext> context = MakeTlsContext(options);
  if (!context.ok()) return context.status();
  Session session(SSL_new(context->get()));
  BIO* const bio = session == nullptr ? nullptr : BIO_new(SocketMethod());
  if (bio == nullptr) return absl::ResourceExhaustedError(absl::StrCat("TLS: ", OpenSslText()));
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(session.get(), bio, bio);
  if (!ExpectHost(session.get(), options.expected_hostname.empty() ? host : options.expected_hostname)) {
    return absl::FailedPreconditionError("TLS: the host's name cannot be checked; set tls.expected_hostname");
  }
  SSL_set_connect_state(session.get());
  return session;
}

absl::StatusOr<std::unique_ptr<ByteStream>> TlsStream::Handshake(FileDescriptor socket, const std::string& host,
                                                                 const TlsOptions& options, const WaitLimit& limit) {
  absl::StatusOr<Session> session = MakeSession(socket.get(), host, options);
  if (!session.ok()) return session.status();
  const bool has_certificate = !options.certificate_file.empty();
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(session->get());
    if (result == 1) break;
    const int error = SSL_get_error(session->get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      const std::string& name = options.expected_hostname.empty() ? host : options.expected_hostname;
      return TlsFault(SSL_get_verify_result(session->get()), name, has_certificate);
    }
    const short events = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (absl::Status ready = AwaitReady(socket.get(), events, limit); !ready.ok()) return ready;
  }
  return std::unique_ptr<ByteStream>(new TlsStream(std::move(socket), *std::move(session), has_certificate));
}

ByteStream::Progress TlsStream::Read(std::span<const iovec> room) {
  if (!fault_.ok()) return {.ended = true};
  Progress progress;
  MutexLock lock(mutex_);
  bool filled = true;
  for (const iovec& each : room) filled = filled && ReadInto(each, progress);
  has_buffered_ = (filled && SSL_has_pending(session_.get()) == 1) || (!fault_.ok() && !progress.ended);
  return progress;
}

// Whether it was filled: OpenSSL may then have more.
bool TlsStream::ReadInto(const iovec& room, Progress& progress) {
  for (std::size_t filled = 0; filled < room.iov_len;) {
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int result =
        SSL_read_ex(session_.get(), static_cast<char*>(room.iov_base) + filled, room.iov_len - filled, &count);
    filled += count;
    progress.bytes += count;
    if (result == 1) continue;
    const int error = SSL_get_error(session_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return false;
    fault_ = error == SSL_ERROR_ZERO_RETURN ? absl::UnavailableError("the server closed the connection")
                                            : TlsFault(X509_V_OK, "", has_certificate_);
    progress.ended = progress.bytes == 0;  // else the next read says so, after what came before the end
    return false;
  }
  return true;
}

ByteStream::Progress TlsStream::Write(std::string_view bytes) {
  Progress progress;
  MutexLock lock(mutex_);
  while (progress.bytes < bytes.size()) {
    ERR_clear_error();
    errno = 0;
    const std::string_view left = bytes.substr(progress.bytes);
    std::size_t count = 0;
    const int result = SSL_write_ex(session_.get(), left.data(), left.size(), &count);
    progress.bytes += count;
    if (result == 1) continue;
    const int error = SSL_get_error(session_.get(), result);
    progress.ended = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
    break;
  }
  return progress;
}

// The alert tells the server that this end is meant; it is sent if the socket takes it at once.
void TlsStream::Shutdown() {
  {
    MutexLock lock(mutex_);
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
  }
  shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace penstock::eventbus::jetstream
