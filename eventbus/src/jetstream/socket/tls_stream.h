// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "jetstream/socket/byte_stream.h"
#include "jetstream/socket/dial.h"
#include "penstock/actorpool/internal/file_descriptor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// An encrypted connection (OpenSSL, TLS 1.2 or later). The server's certificate must be valid for the host; nothing
/// switches that off.
///
/// **Thread safety:** as `ByteStream`; a lock of its own keeps OpenSSL to one call at a time. It is held while some
/// tens of KiB are encrypted or decrypted, never while waiting.
class TlsStream final : public ByteStream {
 public:
  /// Shakes hands over `socket` with the server known as `host`. Options and certificate files are read anew each time,
  /// so that renewed certificates are used. `kFailedPrecondition` names what of the certificates or options does not
  /// fit; `kUnavailable` when the limit passed or the connection broke; `kCancelled`.
  static absl::StatusOr<std::unique_ptr<ByteStream>> Handshake(FileDescriptor socket, const std::string& host,
                                                               const TlsOptions& options, const WaitLimit& limit);

  int descriptor() const override { return socket_.get(); }
  Progress Read(std::span<const iovec> room) override;
  bool has_buffered() const override { return has_buffered_; }
  Progress Write(std::string_view bytes) override;
  absl::Status fault() const override { return fault_; }
  void Shutdown() override;

 private:
  struct Free {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  using Session = std::unique_ptr<SSL, Free>;

  TlsStream(FileDescriptor socket, Session session, bool has_certificate)
      : socket_(std::move(socket)), session_(std::move(session)), has_certificate_(has_certificate) {}

  static absl::StatusOr<Session> MakeSession(int socket, const std::string& host, const TlsOptions& options);
  bool ReadInto(const iovec& room, Progress& progress) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const FileDescriptor socket_;
  Mutex mutex_;
  const Session session_ ABSL_PT_GUARDED_BY(mutex_);
  const bool has_certificate_;
  bool has_buffered_ = false;  // of the thread that reads, as the next
  absl::Status fault_{};
};

}  // namespace penstock::eventbus::jetstream
