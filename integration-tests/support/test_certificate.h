// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

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

}  // namespace penstock::testing
