// SPDX-License-Identifier: Apache-2.0
#include "support/test_certificate.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace penstock::testing {
namespace {

constexpr char kNewKey[] = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

absl::StatusOr<std::string> MakeDirectory() {
  std::string directory = (std::filesystem::temp_directory_path() / "penstock-tls-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return absl::InternalError("make a certificate: no temporary directory");
  return directory;
}

absl::Status OpenSsl(const std::string& arguments) {
  if (std::system(absl::StrCat("openssl ", arguments, " 2>/dev/null").c_str()) == 0) return absl::OkStatus();
  return absl::UnavailableError("make a certificate: openssl failed; install the package openssl");
}

}  // namespace

absl::StatusOr<const TestCertificate*> TestCertificate::Get() {
  static const absl::StatusOr<std::unique_ptr<TestCertificate>> kCertificate = Make();
  if (!kCertificate.ok()) return kCertificate.status();
  return kCertificate->get();
}

absl::StatusOr<std::unique_ptr<TestCertificate>> TestCertificate::Make() {
  absl::StatusOr<std::string> directory = MakeDirectory();
  if (!directory.ok()) return directory.status();
  std::unique_ptr<TestCertificate> made(new TestCertificate(*directory));
  const absl::Status status =
      OpenSsl(absl::StrCat("req -x509 ", kNewKey, " -days 2 -subj /CN=penstock -addext subjectAltName=IP:127.0.0.1 ",
                           "-keyout '", made->key_file(), "' -out '", made->file(), "'"));
  if (!status.ok()) return status;
  return made;
}

TestCertificate::~TestCertificate() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string TestCertificate::ServerConfig() const { return ServerTlsConfig({file(), key_file()}); }

absl::StatusOr<std::unique_ptr<TestAuthority>> TestAuthority::Make() {
  absl::StatusOr<std::string> directory = MakeDirectory();
  if (!directory.ok()) return directory.status();
  std::unique_ptr<TestAuthority> made(new TestAuthority(*directory));
  const absl::Status status = OpenSsl(absl::StrCat("req -x509 ", kNewKey, " -days 2 -subj /CN=authority -keyout '",
                                                   *directory, "/authority.key' -out '", made->file(), "'"));
  if (!status.ok()) return status;
  return made;
}

TestAuthority::~TestAuthority() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

absl::StatusOr<CertificateFiles> TestAuthority::Issue(const std::string& name,
                                                      const CertificateRequest& request) const {
  const std::string path = directory_ / name;
  CertificateFiles files{.certificate = path + ".pem", .key = path + ".key"};
  const absl::Status asked =
      OpenSsl(absl::StrCat("req ", kNewKey, " -subj /CN=", name, " -addext subjectAltName=", request.alternative_name,
                           " -keyout '", files.key, "' -out '", path, ".csr'"));
  if (!asked.ok()) return asked;
  const absl::Status signed_by_us =
      OpenSsl(absl::StrCat("x509 -req -in '", path, ".csr' -CA '", file(), "' -CAkey '", directory_.string(),
                           "/authority.key' -CAcreateserial -days ", request.expired ? -1 : 1,
                           " -copy_extensions copy -out '", files.certificate, "'"));
  if (!signed_by_us.ok()) return signed_by_us;
  return files;
}

std::string ServerTlsConfig(const CertificateFiles& files, const std::string& more) {
  return absl::StrCat("tls: { cert_file: \"", files.certificate, "\", key_file: \"", files.key, "\"",
                      more.empty() ? "" : ", ", more, " }\n");
}

}  // namespace penstock::testing
