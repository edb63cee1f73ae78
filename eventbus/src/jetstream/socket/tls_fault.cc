// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/tls_fault.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

struct Row {
  int code;
  const char* meaning;
};

constexpr const char* kUnknownIssuer = "the server's certificate is of an unknown issuer; set tls.ca_file";

// Results of verifying the server's certificate.
constexpr std::array kCertificateRows = {
    Row{X509_V_ERR_CERT_HAS_EXPIRED, "the server's certificate has expired; renew it"},
    Row{X509_V_ERR_CERT_NOT_YET_VALID, "the server's certificate is not valid yet; check the clocks"},
    Row{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, kUnknownIssuer},
    Row{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, kUnknownIssuer},
    Row{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, kUnknownIssuer},
    Row{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, kUnknownIssuer},
    Row{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, kUnknownIssuer},
    Row{X509_V_ERR_CERT_REVOKED, "the server's certificate was revoked; renew it"},
};

constexpr const char* kRefused = "the server refused the client certificate; check tls.certificate_file";
constexpr const char* kMissing =
    "the server requires a client certificate; set tls.certificate_file and tls.private_key_file";

// Alerts by which servers tell that they want another client certificate, or one at all.
constexpr std::array kAlertsOfOurCertificate = {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
                                                SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
                                                SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
                                                SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
                                                SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
                                                SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
                                                SSL_R_TLSV1_ALERT_UNKNOWN_CA,
                                                SSL_R_TLSV1_ALERT_ACCESS_DENIED};

bool IsAboutOurCertificate(int reason) {
  return std::ranges::find(kAlertsOfOurCertificate, reason) != kAlertsOfOurCertificate.end();
}

absl::Status Unfit(std::string_view meaning) {
  return absl::FailedPreconditionError(absl::StrCat("TLS: ", std::string(meaning)));
}

}  // namespace

std::string OpenSslText() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

absl::Status TlsFault(long verify_result, std::string_view host, bool has_certificate) {
  const int system_error = errno;
  const int reason = ERR_GET_REASON(ERR_peek_error());
  const std::string text = OpenSslText();
  if (verify_result != X509_V_OK) {
    if (verify_result == X509_V_ERR_HOSTNAME_MISMATCH || verify_result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
      return Unfit(absl::StrCat("the server's certificate is for another name than ", Quoted(host),
                                "; check the url and tls.expected_hostname"));
    }
    for (const Row& row : kCertificateRows) {
      if (row.code == verify_result) return Unfit(row.meaning);
    }
    return Unfit(absl::StrCat("the server's certificate is not trusted: ", X509_verify_cert_error_string(verify_result),
                              "; check it and tls.ca_file"));
  }
  if (reason == 0) {
    const std::string cause =
        system_error == 0 ? "the server closed the connection" : std::generic_category().message(system_error);
    return absl::UnavailableError(absl::StrCat("TLS: ", cause));
  }
  if (IsAboutOurCertificate(reason)) return Unfit(has_certificate ? kRefused : kMissing);
  if (reason == SSL_R_WRONG_VERSION_NUMBER)
    return Unfit("the server does not speak TLS there; use nats:// or its TLS port");
  return Unfit(absl::StrCat(text, "; check that server and options agree on TLS"));
}

}  // namespace penstock::eventbus::jetstream
