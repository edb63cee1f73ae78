// SPDX-License-Identifier: Apache-2.0
#include "support/test_certificate.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::testing {

absl::StatusOr<const TestCertificate*> TestCertificate::Get() {
  static const absl::StatusOr<std::unique_ptr<TestCertificate>> kCertificate = Make();
  if (!kCertificate.ok()) return kCertificate.status();
  return kCertificate->get();
}

absl::StatusOr<std::unique_ptr<TestCertificate>> TestCertificate::Make() {
  std::string directory = (std::filesystem::temp_directory_path() / "penstock-tls-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return absl::InternalError("make a certificate: no temporary directory");
  std::unique_ptr<TestCertificate> made(new TestCertificate(directory));
  const std::string command = absl::StrCat(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=penstock ",
      "-addext subjectAltName=IP:127.0.0.1 -keyout '", made->key_file(), "' -out '", made->file(), "' 2>/dev/null");
  if (std::system(command.c_str()) == 0) return made;
  return absl::UnavailableError("make a certificate: openssl failed; install the package openssl");
}

TestCertificate::~TestCertificate() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string TestCertificate::ServerConfig() const {
  return absl::StrCat("tls: { cert_file: \"", file(), "\", key_file: \"", key_file(), "\" }");
}

}  // namespace penstock::testing
