// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/tls_context.h"

#include <openssl/err.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jetstream/socket/tls_fault.h"

namespace penstock::eventbus::jetstream {
namespace {

// Several records of 16 KiB at a time, so that a read is not two system calls for each of them. As much as one read of
// the parser brings (`ProtocolParser::kBufferBytes`, which is also the longest line).
constexpr std::size_t kReadBytes = 64 << 10;

absl::Status Refused(std::string_view field, std::string_view remedy) {
  return absl::FailedPreconditionError(
      absl::StrCat("TLS: option ", std::string(field), ": ", OpenSslText(), "; ", std::string(remedy)));
}

absl::Status LoadRoots(SSL_CTX* context, const TlsOptions& options) {
  const bool loaded = options.ca_file.empty()
                          ? SSL_CTX_set_default_verify_paths(context) == 1
                          : SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) == 1;
  return loaded ? absl::OkStatus() : Refused("tls.ca_file", "use a PEM file with the roots to trust");
}

absl::Status LoadCertificate(SSL_CTX* context, const TlsOptions& options) {
  if (options.certificate_file.empty()) return absl::OkStatus();
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return Refused("tls.certificate_file", "use a PEM file with the certificate first");
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.private_key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Refused("tls.private_key_file", "use the PEM file of the certificate's key, without a passphrase");
  }
  if (SSL_CTX_check_private_key(context) == 1) return absl::OkStatus();
  return Refused("tls.private_key_file", "use the key that belongs to the certificate");
}

// Nobody is there to type it: without this OpenSSL asks on the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*closure*/) { return -1; }

}  // namespace

absl::StatusOr<TlsContext> MakeTlsContext(const TlsOptions& options) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return absl::ResourceExhaustedError(absl::StrCat("TLS: ", OpenSslText()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), kReadBytes);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), NoPassphrase);
  if (absl::Status roots = LoadRoots(context.get(), options); !roots.ok()) return roots;
  if (absl::Status own = LoadCertificate(context.get(), options); !own.ok()) return own;
  return context;
}

}  // namespace penstock::eventbus::jetstream
