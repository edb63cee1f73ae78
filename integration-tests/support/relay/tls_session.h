// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace penstock::testing {

/// The shared part of the server's sides of TLS connections: certificate and key. Thread-compatible.
class TlsContext {
 public:
  /// `kInvalidArgument` when the files, both PEM, are no certificate and its key.
  static absl::StatusOr<std::shared_ptr<TlsContext>> Create(const std::string& certificate_file,
                                                            const std::string& key_file);
  SSL_CTX* get() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, Free> context_;
};

/// The server's side of one TLS connection without its socket: encrypted bytes and plain ones are handed in and out.
///
/// **Thread safety:** thread-confined. **Blocking:** never.
class TlsSession {
 public:
  explicit TlsSession(std::shared_ptr<TlsContext> context);

  /// Bytes from the client. False when the session has failed.
  bool Receive(std::string_view encrypted);
  /// Plain bytes for the client; only when `established()`.
  void Send(std::string_view plain);

  bool established() const { return SSL_is_init_finished(session_.get()) == 1; }
  /// The client's bytes, decrypted; each byte once.
  std::string TakePlain();
  /// The bytes to be written to the client's socket; each byte once.
  std::string TakeEncrypted();

 private:
  struct Free {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  const std::shared_ptr<TlsContext> context_;
  std::unique_ptr<SSL, Free> session_;
  BIO* from_client_;  // of the session, as the next one
  BIO* to_client_;
  std::string plain_{};
};

}  // namespace penstock::testing
