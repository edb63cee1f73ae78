// SPDX-License-Identifier: Apache-2.0
#include "options/options_check.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include "../refusal.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A file that is there for the time of a test.
class ScratchFile {
 public:
  ScratchFile()
      : path_(testing::TempDir() + "penstock_options_" +
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::ofstream(path_) << "x";
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

BusOptions Good() { return {.client_id = "billing"}; }

struct Case {
  std::function<void(BusOptions&)> change{};
  std::string_view text{};  // empty: fine
};

void Check(std::initializer_list<Case> cases) {
  int number = 0;
  for (const Case& one : cases) {
    BusOptions options = Good();
    one.change(options);
    ++number;
    if (one.text.empty()) {
      EXPECT_THAT(options.Validate(), IsAccepted()) << "case " << number;
    } else {
      EXPECT_THAT(options.Validate(), IsRefusedFor(one.text)) << "case " << number;
      EXPECT_THAT(options.Validate(), IsRefusedFor("bus options: field \"")) << "case " << number;
    }
  }
}

TEST(BusOptionsTest, NeedNothingButAClientId) {
  EXPECT_THAT(Good().Validate(), IsAccepted());
  EXPECT_THAT(BusOptions{}.Validate(), IsRefusedFor("field \"client_id\" is empty"));
}

TEST(BusOptionsTest, ChecksUrlAndNames) {
  Check({{[](auto& o) { o.url = "localhost"; }, "\"url\""},
         {[](auto& o) { o.url = "memory://t"; }, ""},
         {[](auto& o) { o.client_id = "a b"; }, "\"client_id\""},
         {[](auto& o) { o.base_stream_name = "a.b"; }, "\"base_stream_name\""},
         {[](auto& o) { o.pool.actors = 0; }, "\"pool\""}});
}

TEST(BusOptionsTest, TakesADomainOrAPrefixOfSubjects) {
  Check({{[](auto& o) { o.jetstream_domain = "hub"; }, ""},
         {[](auto& o) { o.jetstream_domain = "h.ub"; }, "\"jetstream_domain\" is \"h.ub\"; use one token"},
         {[](auto& o) { o.jetstream_domain = "h ub"; }, "\"jetstream_domain\" has \" \""},
         {[](auto& o) { o.jetstream_domain = ">"; }, "\"jetstream_domain\" has \">\""},
         {[](auto& o) { o.jetstream_api_prefix = "$JS.hub.API"; }, ""},
         {[](auto& o) { o.jetstream_api_prefix = "JS.store"; }, ""},
         {[](auto& o) { o.jetstream_api_prefix = "JS.store."; },
          "\"jetstream_api_prefix\" is \"JS.store.\", which has an"},
         {[](auto& o) { o.jetstream_api_prefix = ".JS"; }, "\"jetstream_api_prefix\""},
         {[](auto& o) { o.jetstream_api_prefix = "a..b"; }, "\"jetstream_api_prefix\""},
         {[](auto& o) { o.jetstream_api_prefix = "a.*"; }, "\"jetstream_api_prefix\" has \"*\" at byte 2"},
         {[](auto& o) { o.jetstream_api_prefix = "a\r\nPUB x"; }, "\"jetstream_api_prefix\""},
         {[](auto& o) { o.jetstream_api_prefix = std::string(129, 'a'); }, "\"jetstream_api_prefix\" is 129 bytes"},
         {[](auto& o) { o.jetstream_domain = o.jetstream_api_prefix = "a"; },
          "\"jetstream_api_prefix\" is set together with jetstream_domain"}});
}

TEST(BusOptionsTest, TakesAnInboxPrefixThatCanBeSubscribedTo) {
  Check({{[](auto& o) { o.inbox_prefix = "_INBOX_billing"; }, ""},
         {[](auto& o) { o.inbox_prefix = "svc.billing.inbox"; }, ""},
         {[](auto& o) { o.inbox_prefix = std::string(128, 'a'); }, ""},
         {[](auto& o) { o.inbox_prefix = ""; }, "\"inbox_prefix\" is empty"},
         {[](auto& o) { o.inbox_prefix = "_INBOX."; }, "\"inbox_prefix\""},
         {[](auto& o) { o.inbox_prefix = "_INBOX.>"; }, "\"inbox_prefix\" has \">\" at byte 7"},
         {[](auto& o) { o.inbox_prefix = "*"; }, "\"inbox_prefix\""},
         {[](auto& o) { o.inbox_prefix = "my inbox"; }, "\"inbox_prefix\" has \" \" at byte 2"},
         {[](auto& o) { o.inbox_prefix = "a\tb"; }, "\"inbox_prefix\""},
         {[](auto& o) { o.inbox_prefix = "a..b"; }, "\"inbox_prefix\""},
         {[](auto& o) { o.inbox_prefix = "$JS.API"; }, "\"inbox_prefix\" begins with $"}});
}

TEST(BusOptionsTest, TakesOneKindOfCredentials) {
  const ScratchFile file;
  const std::string& path = file.path();
  Check({{[](auto& o) { o.credentials = {.user = "u", .password = "p"}; }, ""},
         {[](auto& o) { o.credentials = {.user = "u"}; }, ""},
         {[](auto& o) { o.credentials = {.token = "t"}; }, ""},
         {[&](auto& o) { o.credentials = {.credentials_file = path}; }, ""},
         {[](auto& o) { o.credentials = {.password = "p"}; }, "\"credentials.user\" is empty"},
         {[](auto& o) { o.credentials = {.user = "u", .password = "p", .token = "t"}; }, "more than one"},
         {[&](auto& o) { o.credentials = {.token = "t", .credentials_file = path}; }, "more than one"},
         {[](auto& o) {
            o.credentials = {.token = "t"};
            o.url = "nats://u:p@h";
          },
          "more than one"},
         {[](auto& o) { o.credentials = {.user = "u\r\n"}; }, "\"credentials.user\" has a control"},
         {[](auto& o) { o.credentials = {.user = "u", .password = "\n"}; }, "\"credentials.password\" has a control"},
         {[](auto& o) { o.credentials = {.token = std::string(1, '\0')}; }, "\"credentials.token\" has a control"}});
}

TEST(BusOptionsTest, NeedsFilesThatCanBeRead) {
  const ScratchFile file;
  const std::string& path = file.path();
  const auto tls = [](TlsOptions options) {
    options.mode = TlsOptions::Mode::kRequired;
    return [options](BusOptions& o) { o.tls = options; };
  };
  const std::string nul = path + std::string(1, '\0') + "x";
  Check(
      {{[](auto& o) { o.credentials = {.credentials_file = "/nonexistent/file"}; }, "\"credentials.credentials_file\""},
       {[](auto& o) { o.credentials = {.credentials_file = "/"}; }, "\"credentials.credentials_file\""},
       {[&](auto& o) { o.credentials = {.credentials_file = nul}; }, "\"credentials.credentials_file\""},
       {tls({.ca_file = "/nonexistent/file"}), "\"tls.ca_file\""},
       {tls({.certificate_file = "/nonexistent/file", .private_key_file = path}), "\"tls.certificate_file\""},
       {tls({.certificate_file = path, .private_key_file = "/nonexistent/file"}), "\"tls.private_key_file\""},
       {tls({.ca_file = path, .certificate_file = path, .private_key_file = path, .expected_hostname = "h"}), ""}});
}

TEST(BusOptionsTest, WantsTlsFieldsThatFitTogether) {
  const ScratchFile file;
  const std::string& path = file.path();
  Check({{[&](auto& o) { o.tls = {.mode = TlsOptions::Mode::kRequired, .certificate_file = path}; },
          "\"tls.private_key_file\""},
         {[&](auto& o) { o.tls = {.mode = TlsOptions::Mode::kRequired, .private_key_file = path}; },
          "\"tls.certificate_file\""},
         {[](auto& o) { o.tls = {.mode = TlsOptions::Mode::kRequired, .expected_hostname = "a b"}; },
          "\"tls.expected_hostname\""},
         {[&](auto& o) { o.tls = {.ca_file = path}; }, "\"tls.mode\" is kOnDemand"},
         {[&](auto& o) {
            o.tls = {.ca_file = path};
            o.url = "tls://h";
          },
          ""},
         {[](auto& o) { o.tls = {.mode = static_cast<TlsOptions::Mode>(7)}; }, "\"tls.mode\""}});
}

TEST(BusOptionsTest, KeepsTheRangesOfStreamLimits) {
  Check({{[](auto& o) { o.limits.memory_max_age = seconds{0}; }, "\"limits.memory_max_age\""},
         {[](auto& o) { o.limits.memory_max_age = seconds::max(); }, "\"limits.memory_max_age\""},
         {[](auto& o) { o.limits.memory_max_age = std::chrono::days{365}; }, ""},
         {[](auto& o) { o.limits.memory_max_bytes = (1 << 20) - 1; }, "\"limits.memory_max_bytes\""},
         {[](auto& o) { o.limits.memory_max_bytes = (1LL << 40) + 1; }, "\"limits.memory_max_bytes\""},
         {[](auto& o) { o.limits.file_max_age = seconds{59}; }, "\"limits.file_max_age\" is 59 s; use 0 or 60 to"},
         {[](auto& o) { o.limits.file_max_age = seconds{60}; }, ""},
         {[](auto& o) { o.limits.file_max_age = seconds{-1}; }, "\"limits.file_max_age\""},
         {[](auto& o) { o.limits.file_max_bytes = 1; }, "\"limits.file_max_bytes\""},
         {[](auto& o) { o.limits.file_max_bytes = 1LL << 50; }, ""},
         {[](auto& o) { o.limits.file_max_bytes = INT64_MAX; }, "\"limits.file_max_bytes\""},
         {[](auto& o) { o.limits.duplicate_window = seconds{0}; }, "\"limits.duplicate_window\""},
         {[](auto& o) { o.limits.duplicate_window = seconds{86'401}; }, "\"limits.duplicate_window\""},
         {[](auto& o) { o.limits.duplicate_window = seconds{59}; },
          "\"limits.duplicate_window\" is 59 s; use at least twice"},
         {[](auto& o) { o.limits.duplicate_window = seconds{60}; }, ""},
         {[](auto& o) { o.limits.replicas = 2; }, "\"limits.replicas\" is 2; use 1, 3 or 5"},
         {[](auto& o) { o.limits.replicas = 5; }, ""},
         {[](auto& o) { o.limits.replicas = -1; }, "\"limits.replicas\""}});
}

TEST(BusOptionsTest, KeepsTheRangesOfTimesAndWindows) {
  Check({{[](auto& o) { o.storage_mismatch = static_cast<StorageMismatch>(9); }, "\"storage_mismatch\""},
         {[](auto& o) { o.connect_timeout = milliseconds{99}; },
          "\"connect_timeout\" is 99 ms; use 0 or 100 to 600000 ms"},
         {[](auto& o) { o.connect_timeout = milliseconds{600'001}; }, "\"connect_timeout\""},
         {[](auto& o) { o.connect_timeout = milliseconds::min(); }, "\"connect_timeout\""},
         {[](auto& o) { o.publish_timeout = milliseconds{99}; }, "\"publish_timeout\""},
         {[](auto& o) { o.publish_timeout = milliseconds::max(); }, "\"publish_timeout\""},
         {[](auto& o) { o.publish_window = 0; }, "\"publish_window\""},
         {[](auto& o) { o.publish_window = 65'537; }, "\"publish_window\""},
         {[](auto& o) { o.publish_window = SIZE_MAX; }, "\"publish_window\""},
         {[](auto& o) { o.publish_window = 65'536; }, ""}});
}

TEST(BusOptionsTest, NeverRepeatSecrets) {
  const std::function<void(BusOptions&)> changes[] = {
      [](auto& o) { o.url = "nats://s3cret@h h"; },
      [](auto& o) { o.url = "s3cret@h"; },
      [](auto& o) { o.credentials = {.user = "u", .password = "s3cret\n"}; },
      [](auto& o) { o.credentials = {.password = "s3cret"}; },
      [](auto& o) { o.credentials = {.user = "u", .password = "s3cret", .token = "s3cret"}; },
      [](auto& o) { o.credentials = {.token = "s3cret\x01"}; },
      [](auto& o) { o.credentials = {.credentials_file = "s3cret"}; },
      [](auto& o) {
        o.tls = {.mode = TlsOptions::Mode::kRequired, .certificate_file = "s3cret", .private_key_file = "s3cret"};
      },
  };
  for (const auto& change : changes) {
    BusOptions options = Good();
    change(options);
    const std::string text = options.Validate().ToString();
    EXPECT_NE(text, "OK");
    EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
  }
}

TEST(PublishOptionsTest, AreCheckedFieldByField) {
  EXPECT_THAT(CheckOptions(PublishOptions{}), IsAccepted());
  EXPECT_THAT(CheckOptions(PublishOptions{
                  .message_id = "1", .key = "ä", .headers = {{"A", "b"}}, .format = EnvelopeFormat::kJson}),
              IsAccepted());
  EXPECT_THAT(CheckOptions(PublishOptions{.message_id = "a b"}), IsRefusedFor("publish options: field \"message_id\""));
  EXPECT_THAT(CheckOptions(PublishOptions{.key = "a b"}), IsRefusedFor("publish options: field \"key\""));
  EXPECT_THAT(CheckOptions(PublishOptions{.headers = {{"a b", ""}}}), IsRefusedFor("publish options: header \"a b\""));
  EXPECT_THAT(CheckOptions(PublishOptions{.format = static_cast<EnvelopeFormat>(5)}), IsRefusedFor("\"format\""));
}

TEST(SubscribeOptionsTest, AreCheckedFieldByField) {
  EXPECT_THAT(CheckOptions(SubscribeOptions{}), IsAccepted());
  EXPECT_THAT(CheckOptions(SubscribeOptions{.group = "g", .max_in_flight = 1}), IsAccepted());
  EXPECT_THAT(CheckOptions(SubscribeOptions{.group = "a.b"}), IsRefusedFor("subscribe options: field \"group\""));
  EXPECT_THAT(CheckOptions(SubscribeOptions{.max_in_flight = 0}), IsRefusedFor("\"max_in_flight\""));
  EXPECT_THAT(CheckOptions(SubscribeOptions{.max_in_flight = SIZE_MAX}), IsRefusedFor("\"max_in_flight\""));
  EXPECT_THAT(CheckOptions(SubscribeOptions{.queue_capacity = 65'536}), IsAccepted());
  EXPECT_THAT(CheckOptions(SubscribeOptions{.queue_capacity = 65'537}), IsRefusedFor("\"queue_capacity\""));
  EXPECT_THAT(CheckOptions(SubscribeOptions{.when_full = WhenFull::kDisconnect}), IsRefusedFor("\"queue_capacity\""));
  for (const int none : {-1, 4}) {
    const auto when_full = static_cast<WhenFull>(none);
    EXPECT_THAT(CheckOptions(SubscribeOptions{.queue_capacity = 1, .when_full = when_full}),
                IsRefusedFor("\"when_full\""));
    EXPECT_THAT(CheckOptions(ReaderOptions{.when_full = when_full}), IsRefusedFor("reader options"));
  }
}

TEST(ReaderOptionsTest, AreCheckedFieldByField) {
  EXPECT_THAT(CheckOptions(ReaderOptions{}), IsAccepted());
  EXPECT_THAT(CheckOptions(ReaderOptions{.group = "g", .queue_capacity = 1, .when_full = WhenFull::kDropNewest}),
              IsAccepted());
  EXPECT_THAT(CheckOptions(ReaderOptions{.group = "a.b"}), IsRefusedFor("reader options: field \"group\""));
  EXPECT_THAT(CheckOptions(ReaderOptions{.queue_capacity = 0}), IsRefusedFor("\"queue_capacity\""));
  EXPECT_THAT(CheckOptions(ReaderOptions{.queue_capacity = SIZE_MAX}), IsRefusedFor("\"queue_capacity\""));
}

EnvelopeSubscribeOptions WithRetry(RetryPolicy retry) { return {.retry = retry}; }

TEST(EnvelopeSubscribeOptionsTest, AreCheckedFieldByField) {
  using Options = EnvelopeSubscribeOptions;
  EXPECT_THAT(CheckOptions(Options{}), IsAccepted());
  EXPECT_THAT(CheckOptions(Options{.durable = "d", .ack_wait = seconds{1}}), IsAccepted());
  EXPECT_THAT(CheckOptions(Options{.durable = "a b"}), IsRefusedFor("envelope subscribe options: field \"durable\""));
  EXPECT_THAT(CheckOptions(Options{.sharing = static_cast<Sharing>(5)}), IsRefusedFor("\"sharing\""));
  EXPECT_THAT(CheckOptions(Options{.handler_name = "a\nb"}), IsRefusedFor("\"handler_name\""));
  EXPECT_THAT(CheckOptions(Options{.handler_name = std::string(129, 'h')}), IsRefusedFor("\"handler_name\""));
  EXPECT_THAT(CheckOptions(Options{.after_dead_letter = static_cast<AfterDeadLetter>(9)}),
              IsRefusedFor("\"after_dead_letter\""));
  EXPECT_THAT(CheckOptions(Options{.ack_mode = static_cast<AckMode>(5)}), IsRefusedFor("\"ack_mode\""));
  EXPECT_THAT(CheckOptions(Options{.sharing = Sharing::kShared, .ack_mode = AckMode::kCumulative}),
              IsRefusedFor("\"ack_mode\" is kCumulative on a shared consumer"));
  EXPECT_TRUE(CheckOptions(Options{.ack_mode = AckMode::kCumulative}).ok());
  EXPECT_THAT(CheckOptions(Options{.sharing = Sharing::kShared, .after_dead_letter = AfterDeadLetter::kQuarantine}),
              IsRefusedFor("\"after_dead_letter\" is kQuarantine on a shared consumer"));
  EXPECT_THAT(CheckOptions(Options{.outage_after = SIZE_MAX}), IsRefusedFor("\"outage_after\""));
  EXPECT_THAT(CheckOptions(Options{.stuck_after = milliseconds{99}}), IsRefusedFor("\"stuck_after\""));
  EXPECT_THAT(CheckOptions(Options{.max_in_flight = 65'537}), IsRefusedFor("\"max_in_flight\""));
  EXPECT_THAT(CheckOptions(Options{.max_in_flight_bytes = 1024}), IsRefusedFor("\"max_in_flight_bytes\""));
  EXPECT_THAT(CheckOptions(Options{.max_in_flight_bytes = SIZE_MAX}), IsRefusedFor("\"max_in_flight_bytes\""));
  EXPECT_THAT(CheckOptions(Options{.ack_wait = milliseconds{999}}),
              IsRefusedFor("\"ack_wait\" is 999 ms; use 0 or 1000 to"));
  EXPECT_THAT(CheckOptions(Options{.ack_wait = milliseconds{-1}}), IsRefusedFor("\"ack_wait\""));
  EXPECT_THAT(CheckOptions(Options{.ack_wait = milliseconds::max()}), IsRefusedFor("\"ack_wait\""));
}

TEST(EnvelopeSubscribeOptionsTest, KeepTheRangesOfPrioritiesAndClasses) {
  using Options = EnvelopeSubscribeOptions;
  EXPECT_THAT(CheckOptions(Options{.by_priority = true, .priority = -100}), IsAccepted());
  EXPECT_THAT(CheckOptions(Options{.priority = 100, .priority_classes = {"urgent"}}), IsAccepted());
  EXPECT_THAT(CheckOptions(Options{.by_priority = true, .priority = 101}),
              IsRefusedFor("\"priority\" is 101; use -100 to 100"));
  EXPECT_THAT(CheckOptions(Options{.priority = 1}), IsRefusedFor("\"priority\" is set, though by_priority is not"));
  EXPECT_THAT(CheckOptions(Options{.priority_classes = {"a", "b", "a"}}), IsRefusedFor("\"priority_classes\""));
  EXPECT_THAT(CheckOptions(Options{.priority_classes = {"a.b"}}), IsRefusedFor("\"priority_classes\""));
  EXPECT_THAT(CheckOptions(Options{.priority_classes = std::vector<std::string>(9, "a")}),
              IsRefusedFor("\"priority_classes\" has 9 names; use up to 8"));
  EXPECT_THAT(CheckOptions(PublishOptions{.priority = -101}), IsRefusedFor("\"priority\" is -101"));
  EXPECT_THAT(CheckOptions(PublishOptions{.priority_class = "a b"}), IsRefusedFor("\"priority_class\""));
}

TEST(EnvelopeSubscribeOptionsTest, KeepTheRangesOfTheRetryPolicy) {
  EXPECT_THAT(CheckOptions(WithRetry(
                  {.max_attempts = 0, .min_backoff = milliseconds{0}, .max_backoff = milliseconds{0}, .jitter = 1})),
              IsAccepted());
  EXPECT_THAT(CheckOptions(WithRetry({.max_attempts = 1'000'001})), IsRefusedFor("\"retry.max_attempts\""));
  EXPECT_THAT(CheckOptions(WithRetry({.max_attempts = UINT64_MAX})), IsRefusedFor("\"retry.max_attempts\""));
  EXPECT_THAT(CheckOptions(WithRetry({.min_backoff = milliseconds{-1}})), IsRefusedFor("\"retry.min_backoff\""));
  EXPECT_THAT(CheckOptions(WithRetry({.min_backoff = milliseconds{30'001}})), IsRefusedFor("\"retry.min_backoff\""));
  EXPECT_THAT(CheckOptions(WithRetry({.max_backoff = milliseconds{86'400'001}})),
              IsRefusedFor("\"retry.max_backoff\""));
  for (const double jitter :
       {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(CheckOptions(WithRetry({.jitter = jitter})), IsRefusedFor("\"retry.jitter\"")) << jitter;
  }
}

}  // namespace
}  // namespace penstock::eventbus
