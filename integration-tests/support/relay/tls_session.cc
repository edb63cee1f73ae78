// SPDX-License-Identifier: Apache-2.0
#include "support/relay/tls_session.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::testing {

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::Create(const std::string& certificate_file,
                                                               const std::string& key_file) {
  std::shared_ptr<TlsContext> made(new TlsContext(SSL_CTX_new(TLS_server_method())));
  if (SSL_CTX_use_certificate_chain_file(made->get(), certificate_file.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(made->get(), key_file.c_str(), SSL_FILETYPE_PEM) == 1) {
    return made;
  }
  return absl::InvalidArgumentError(absl::StrCat("use certificate \"", certificate_file, "\": it or its key is none"));
}

TlsSession::TlsSession(std::shared_ptr<TlsContext> context)
    : context_(std::move(context)),
      session_(SSL_new(context_->get())),
      from_client_(BIO_new(BIO_s_mem())),
      to_client_(BIO_new(BIO_s_mem())) {
  SSL_set_bio(session_.get(), from_client_, to_client_);
  SSL_set_accept_state(session_.get());
}

bool TlsSession::Receive(std::string_view encrypted) {
  BIO_write(from_client_, encrypted.data(), static_cast<int>(encrypted.size()));
  std::array<char, 16384> chunk;
  int count = 0;
  while ((count = SSL_read(session_.get(), chunk.data(), static_cast<int>(chunk.size()))) > 0) {
    plain_.append(chunk.data(), static_cast<std::size_t>(count));
  }
  return SSL_get_error(session_.get(), count) == SSL_ERROR_WANT_READ;
}

void TlsSession::Send(std::string_view plain) {
  if (!plain.empty()) SSL_write(session_.get(), plain.data(), static_cast<int>(plain.size()));
}

std::string TlsSession::TakePlain() { return std::exchange(plain_, {}); }

std::string TlsSession::TakeEncrypted() {
  std::string bytes(BIO_ctrl_pending(to_client_), '\0');
  if (!bytes.empty()) BIO_read(to_client_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace penstock::testing
