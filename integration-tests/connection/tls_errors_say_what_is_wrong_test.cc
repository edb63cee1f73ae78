// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Servers with certificates of a known authority, of another one, or with none.
class TlsErrors : public RelayedServer {
 protected:
  void SetUp() override {
    auto known = TestAuthority::Make();
    auto foreign = TestAuthority::Make();
    ASSERT_THAT(known, IsOk());
    ASSERT_THAT(foreign, IsOk());
    known_ = *std::move(known);
    foreign_ = *std::move(foreign);
  }
  CertificateFiles Issue(const TestAuthority& authority, const std::string& name,
                         const CertificateRequest& request = {}) const {
    const auto files = authority.Issue(name, request);
    EXPECT_THAT(files, IsOk());
    return files.value_or(CertificateFiles{});
  }
  void LaunchWith(const CertificateFiles& files, const std::string& more = "") {
    Launch({.config = ServerTlsConfig(files, more)});
  }
  /// One that knows its clients by certificates of the known authority.
  void LaunchThatVerifies() {
    LaunchWith(Issue(*known_, "server"), absl::StrCat("ca_file: \"", known_->file(), "\", verify: true"));
  }
  BusOptions Encrypted() const {
    BusOptions options{.url = absl::StrCat("tls://127.0.0.1:", server_->port()), .client_id = "hostile"};
    options.tls.ca_file = known_->file();
    return options;
  }
  BusOptions EncryptedAs(const CertificateFiles& client) const {
    BusOptions options = Encrypted();
    options.tls.certificate_file = client.certificate;
    options.tls.private_key_file = client.key;
    return options;
  }
  /// Connecting fails at once, for good, and says so.
  template <typename Text>
  static void ExpectRefusal(const BusOptions& options, Text text) {
    RunIsolated(seconds(20), [&] {
      const auto bus = Within(seconds(2), "Connect", [&] { return EventBus::Connect(options); });
      EXPECT_THAT(bus, StatusIs(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(absl::AsciiStrToLower(std::string(bus.status().message())), text);
    });
  }

  std::unique_ptr<TestAuthority> known_{};
  std::unique_ptr<TestAuthority> foreign_{};
};

TEST_F(TlsErrors, TellAnExpiredCertificate) {
  LaunchWith(Issue(*known_, "server", {.expired = true}));
  ExpectRefusal(Encrypted(), AllOf(HasSubstr("tls"), HasSubstr("expired")));
}

TEST_F(TlsErrors, TellAnUnknownIssuer) {
  LaunchWith(Issue(*foreign_, "server"));
  ExpectRefusal(Encrypted(), AllOf(HasSubstr("tls"), HasSubstr("issuer"), Not(HasSubstr("expired"))));
}

TEST_F(TlsErrors, TellACertificateThatSignedItself) {
  const auto itself = TestCertificate::Get();
  ASSERT_THAT(itself, IsOk());
  LaunchWith({.certificate = (*itself)->file(), .key = (*itself)->key_file()});
  ExpectRefusal(Encrypted(), AllOf(HasSubstr("tls"), AnyOf(HasSubstr("issuer"), HasSubstr("self"))));
}

TEST_F(TlsErrors, TellTheNameThatTheCertificateIsNotFor) {
  LaunchWith(Issue(*known_, "server", {.alternative_name = "DNS:example.org"}));
  ExpectRefusal(Encrypted(), AllOf(HasSubstr("tls"), HasSubstr("127.0.0.1"), HasSubstr("name")));
}

TEST_F(TlsErrors, TellTheExpectedNameThatTheCertificateIsNotFor) {
  LaunchWith(Issue(*known_, "server", {.alternative_name = "DNS:example.org"}));
  BusOptions options = Encrypted();
  options.tls.expected_hostname = "example.com";
  ExpectRefusal(options, AllOf(HasSubstr("tls"), HasSubstr("example.com"), HasSubstr("name")));
}

TEST_F(TlsErrors, AcceptTheExpectedNameThatTheCertificateIsFor) {
  LaunchWith(Issue(*known_, "server", {.alternative_name = "DNS:example.org"}));
  BusOptions options = Encrypted();
  options.tls.expected_hostname = "example.org";
  RunIsolated(seconds(20), [&] { EXPECT_THAT(EventBus::Connect(options), IsOk()); });
}

TEST_F(TlsErrors, TellAMissingClientCertificate) {
  LaunchThatVerifies();
  ExpectRefusal(Encrypted(), AllOf(HasSubstr("client certificate"),
                                   AnyOf(HasSubstr("required"), HasSubstr("missing"), HasSubstr("requires"))));
}

TEST_F(TlsErrors, TellARefusedClientCertificate) {
  LaunchThatVerifies();
  ExpectRefusal(EncryptedAs(Issue(*foreign_, "client")), AllOf(HasSubstr("client certificate"), HasSubstr("refuse")));
}

TEST_F(TlsErrors, AcceptAKnownClientCertificate) {
  LaunchThatVerifies();
  const BusOptions options = EncryptedAs(Issue(*known_, "client"));
  RunIsolated(seconds(20), [&] { EXPECT_THAT(EventBus::Connect(options), IsOk()); });
}

TEST_F(TlsErrors, TellAServerWithoutTls) {
  Launch({});
  ExpectRefusal(Encrypted(), AllOf(HasSubstr("tls"), HasSubstr("server"),
                                   AnyOf(HasSubstr("no tls"), HasSubstr("without tls"), HasSubstr("not"))));
}

TEST_F(TlsErrors, TellThatTlsIsRequired) {
  LaunchWith(Issue(*foreign_, "server"));
  BusOptions options{.url = server_->url(), .client_id = "hostile"};
  ExpectRefusal(options, HasSubstr("tls"));
}

// Once it has worked, a fault that only people can mend must not end as silence: it is told, and tried again.
TEST_F(TlsErrors, OfAReconnectAreLoggedAndSurvived) {
  const CertificateFiles good = Issue(*known_, "good");
  const CertificateFiles expired = Issue(*known_, "expired", {.expired = true});
  RunIsolated(kPatience, [&] {
    LaunchWith(good);
    Mutex mutex;
    std::string log;
    BusOptions options = Encrypted();
    options.log = [&](LogLevel, std::string_view line) {
      MutexLock lock(mutex);
      log += absl::AsciiStrToLower(std::string(line)) + "\n";
    };
    auto bus = EventBus::Connect(options);
    ASSERT_THAT(bus, IsOk());
    server_->Kill();
    server_->set_config(ServerTlsConfig(expired));
    ASSERT_THAT(server_->Start(), IsOk());
    EXPECT_TRUE(Eventually(
        [&] {
          MutexLock lock(mutex);
          return log.find("expired") != std::string::npos;
        },
        seconds(5)))
        << log;
    server_->Kill();
    server_->set_config(ServerTlsConfig(good));
    ASSERT_THAT(server_->Start(), IsOk());
    EXPECT_TRUE(AwaitConnected(**bus, true, kRecovery));
    bus->reset();
    server_.reset();
  });
}

}  // namespace
}  // namespace penstock::testing
