// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace penstock::testing {

/// A certificate for 127.0.0.1 that signs itself, made by `openssl`, with its key, in files of a temporary directory.
/// Thread-compatible.
class TestCertificate {
 public:
  /// One for the whole process, which is made by the first call. `kUnavailable`: there is no `openssl`.
  static absl::StatusOr<const TestCertificate*> Get();

  ~TestCertificate();
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string file() const { return directory_ / "certificate.pem"; }
  std::string key_file() const { return directory_ / "key.pem"; }
  /// Has a nats-server use it.
  std::string ServerConfig() const;

 private:
  explicit TestCertificate(std::filesystem::path directory) : directory_(std::move(directory)) {}
  static absl::StatusOr<std::unique_ptr<TestCertificate>> Make();

  const std::filesystem::path directory_;
};

/// A certificate and its key, PEM files both.
struct CertificateFiles {
  std::string certificate{};
  std::string key{};
};

/// The contents of a certificate.
struct CertificateRequest {
  std::string alternative_name = "IP:127.0.0.1";  ///< as `openssl` writes it, for instance "DNS:example.org"
  bool expired = false;                           ///< since yesterday; else valid until tomorrow
};

/// Signs certificates for servers and clients, made by `openssl`, in a temporary directory of its own.
/// Thread-confined.
class TestAuthority {
 public:
  /// `kUnavailable`: there is no `openssl`.
  static absl::StatusOr<std::unique_ptr<TestAuthority>> Make();

  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  /// Its own certificate.
  std::string file() const { return directory_ / "authority.pem"; }
  /// Errors as `Make`. `name` is that of the files and of the subject: letters only.
  absl::StatusOr<CertificateFiles> Issue(const std::string& name, const CertificateRequest& request = {}) const;

 private:
  explicit TestAuthority(std::filesystem::path directory) : directory_(std::move(directory)) {}
  const std::filesystem::path directory_;
};

/// Has a nats-server use a certificate; `more` are further settings of its `tls` block.
std::string ServerTlsConfig(const CertificateFiles& files, const std::string& more = "");

}  // namespace penstock::testing
