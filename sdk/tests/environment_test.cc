// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../../eventbus/tests/document_table.h"
#include "environment_variables.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<ServiceOptions> Apply(std::vector<const char*> environment, ServiceOptions defaults = {}) {
  environment.push_back(nullptr);
  return ApplyEnvironment(std::move(defaults), environment.data());
}

/// The error that one entry leads to.
std::string ErrorOf(const char* entry) {
  const auto options = Apply({entry});
  EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << entry;
  return options.status().ToString();
}

TEST(EnvironmentTest, LeavesTheDefaultsAloneWithoutVariables) {
  const auto options =
      Apply({"HOME=/", "PATH=/bin", "XPENSTOCK_URL=x"}, {.bus = {.url = "memory://", .client_id = "a"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->bus.url, "memory://");
  EXPECT_EQ(options->bus.client_id, "a");
}

TEST(EnvironmentTest, OverridesEveryFieldThatHasAVariable) {
  const auto options =
      Apply({"PENSTOCK_URL=nats://a:1?x=y", "PENSTOCK_CLIENT_ID=billing", "PENSTOCK_METRICS_HOST=0.0.0.0",
             "PENSTOCK_METRICS_PORT=65535", "PENSTOCK_LOG_LEVEL=warning", "PENSTOCK_DRAIN_TIMEOUT_MS=1234",
             "PENSTOCK_JETSTREAM_DOMAIN=hub", "PENSTOCK_JETSTREAM_API_PREFIX=JS.store", "PENSTOCK_INBOX_PREFIX=_my",
             "PENSTOCK_WORKERS=12", "PENSTOCK_CONNECT_TIMEOUT_MS=0", "PENSTOCK_TLS_MODE=handshake-first",
             "PENSTOCK_REPLICAS=3", "PENSTOCK_METRICS_PER_ACTOR=on", "PENSTOCK_RELAY_DELAYED=on"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->bus.url, "nats://a:1?x=y");
  EXPECT_EQ(options->bus.client_id, "billing");
  EXPECT_EQ(options->bus.jetstream_domain, "hub");
  EXPECT_EQ(options->bus.jetstream_api_prefix, "JS.store");
  EXPECT_EQ(options->bus.inbox_prefix, "_my");
  EXPECT_EQ(options->metrics_host, "0.0.0.0");
  EXPECT_EQ(options->metrics_port, 65535);
  EXPECT_EQ(options->log_level, LogLevel::kWarning);
  EXPECT_EQ(options->drain_timeout, std::chrono::milliseconds(1234));
  EXPECT_EQ(options->bus.pool.workers, 12u);
  EXPECT_EQ(options->bus.connect_timeout.count(), 0);
  EXPECT_EQ(options->bus.tls.mode, TlsOptions::Mode::kHandshakeFirst);
  EXPECT_EQ(options->bus.limits.replicas, 3);
  EXPECT_TRUE(options->metrics.per_actor);
  EXPECT_TRUE(options->bus.relay_delayed);
}

TEST(EnvironmentTest, SwitchesTheMetricsPortOffOrLetsTheSystemChoose) {
  EXPECT_EQ(Apply({"PENSTOCK_METRICS_PORT=off"})->metrics_port, std::nullopt);
  EXPECT_EQ(Apply({"PENSTOCK_METRICS_PORT=0"})->metrics_port, 0);
}

TEST(EnvironmentTest, NamesTheVariableWhoseValueIsWrong) {
  for (const char* entry :
       {"PENSTOCK_METRICS_PORT=65536", "PENSTOCK_METRICS_PORT=-1", "PENSTOCK_METRICS_PORT=", "PENSTOCK_METRICS_PORT",
        "PENSTOCK_METRICS_PORT= 1", "PENSTOCK_METRICS_PORT=0x10", "PENSTOCK_METRICS_PORT=1.5"}) {
    EXPECT_THAT(ErrorOf(entry), HasSubstr("\"PENSTOCK_METRICS_PORT\": wrong value; expected 0 to 65535, or off"));
  }
  for (const char* entry : {"PENSTOCK_DRAIN_TIMEOUT_MS=-1", "PENSTOCK_DRAIN_TIMEOUT_MS=8s",
                            "PENSTOCK_DRAIN_TIMEOUT_MS=3600001", "PENSTOCK_DRAIN_TIMEOUT_MS=99999999999999999999"}) {
    EXPECT_THAT(ErrorOf(entry), HasSubstr("PENSTOCK_DRAIN_TIMEOUT_MS"));
  }
  EXPECT_THAT(ErrorOf("PENSTOCK_LOG_LEVEL=loud"), HasSubstr("debug, info, warning or error"));
  EXPECT_THAT(ErrorOf("PENSTOCK_URL="), HasSubstr("PENSTOCK_URL"));
  EXPECT_THAT(ErrorOf("PENSTOCK_CLIENT_ID="), HasSubstr("PENSTOCK_CLIENT_ID"));
  EXPECT_THAT(ErrorOf("PENSTOCK_METRICS_HOST="), HasSubstr("PENSTOCK_METRICS_HOST"));
  for (const char* entry : {"PENSTOCK_JETSTREAM_DOMAIN=", "PENSTOCK_JETSTREAM_API_PREFIX=", "PENSTOCK_INBOX_PREFIX="}) {
    EXPECT_THAT(ErrorOf(entry), HasSubstr("wrong value; expected "));
  }
}

TEST(EnvironmentTest, ReadsSecretsFromFiles) {
  const auto path = std::filesystem::temp_directory_path() / ("environment_test." + std::to_string(getpid()));
  std::ofstream(path) << "s3cret\n";
  const std::string entry = "PENSTOCK_PASSWORD_FILE=" + path.string();
  const auto options = Apply({"PENSTOCK_USER=u", entry.c_str()});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->bus.credentials.user, "u");
  EXPECT_EQ(options->bus.credentials.password, "s3cret");
  const auto both = Apply({entry.c_str(), "PENSTOCK_PASSWORD=x"});
  EXPECT_THAT(both.status().ToString(),
              HasSubstr("\"PENSTOCK_PASSWORD\": sets the same option as \"PENSTOCK_PASSWORD_FILE\""));
  std::filesystem::resize_file(path, 0);
  EXPECT_THAT(ErrorOf(entry.c_str()), HasSubstr("expected path of a file that holds it"));
  std::filesystem::remove(path);
  EXPECT_THAT(ErrorOf(entry.c_str()), Not(HasSubstr(path.string())));
}

// Within its range a variable sets what the options take; outside it is refused.
TEST(EnvironmentTest, TakesTheEndsOfEachRangeAndNothingBeyond) {
  int ranges = 0;
  for (const Variable& variable : Variables()) {
    const std::size_t to = variable.expected.find(" to ");
    if (to == std::string::npos || variable.expected.ends_with("off")) continue;
    const std::size_t comma = variable.expected.find(", or ");
    const std::size_t begin = comma == std::string::npos ? 0 : comma + 5;
    const std::int64_t least = std::stoll(variable.expected.substr(begin, to - begin));
    const std::int64_t most = std::stoll(variable.expected.substr(to + 4));
    for (const std::int64_t end : {least, most}) {
      ServiceOptions options{.bus = {.client_id = "a"}};
      options.bus.publish_timeout = std::chrono::milliseconds(100);  // what others have to fit
      options.bus.limits.duplicate_window = std::chrono::hours(1);
      options.bus.pool.restart.min_backoff = std::chrono::milliseconds(0);
      options.bus.pool.restart.max_backoff = std::chrono::minutes(1);
      EXPECT_TRUE(variable.set(options, std::to_string(end))) << variable.name;
      EXPECT_TRUE(options.Validate().ok()) << options.Validate();
      EXPECT_TRUE(options.bus.Validate().ok()) << variable.name << " " << end << options.bus.Validate();
    }
    ServiceOptions options;
    if (least != 1) {
      EXPECT_FALSE(variable.set(options, std::to_string(least - 1))) << variable.name;
    }
    EXPECT_FALSE(variable.set(options, std::to_string(most + 1))) << variable.name;
    EXPECT_EQ(variable.set(options, "0"), least == 0 || comma != std::string::npos) << variable.name;
    ++ranges;
  }
  EXPECT_GT(ranges, 20);
}

TEST(EnvironmentTest, IsTheTableOfTheDocumentation) {
  std::vector<std::string> rows;
  for (const Variable& variable : Variables()) {
    rows.push_back("| `PENSTOCK_" + std::string(variable.name) + "` | `" + std::string(variable.option) + "` | " +
                   variable.expected + " |");
  }
  EXPECT_EQ(testing::TableRows(PENSTOCK_OPERATIONS_DOC, "## Environment"), rows);
}

TEST(EnvironmentTest, RefusesVariablesItDoesNotKnow) {
  EXPECT_THAT(ErrorOf("PENSTOCK_URI=nats://a"), HasSubstr("\"PENSTOCK_URI\": unknown variable"));
  EXPECT_THAT(ErrorOf("PENSTOCK_URI=nats://a"), HasSubstr("the nearest name is \"PENSTOCK_URL\""));
  EXPECT_THAT(ErrorOf("PENSTOCK_TLS_CA=x"), HasSubstr("\"PENSTOCK_TLS_CA_FILE\""));
  EXPECT_THAT(ErrorOf("PENSTOCK_DRAIN_TIMEOUT=8"), HasSubstr("\"PENSTOCK_DRAIN_TIMEOUT_MS\""));
  EXPECT_THAT(ErrorOf(("PENSTOCK_" + std::string(100'000, 'X') + "=").c_str()), HasSubstr("unknown variable"));
  EXPECT_THAT(ErrorOf("PENSTOCK_=x"), HasSubstr("unknown variable"));
  EXPECT_THAT(ErrorOf("PENSTOCK_url=x"), HasSubstr("unknown variable"));
}

TEST(EnvironmentTest, NeitherRepeatsValuesNorControlCharacters) {
  EXPECT_THAT(ErrorOf("PENSTOCK_PASWORD=s3cret"), Not(HasSubstr("s3cret")));
  EXPECT_THAT(ErrorOf("PENSTOCK_LOG_LEVEL=s3cret"), Not(HasSubstr("s3cret")));
  EXPECT_THAT(ErrorOf("PENSTOCK_A\nB=x"), HasSubstr("PENSTOCK_A\\nB"));
}

TEST(EnvironmentTest, ReadsTheProcess) {
  ASSERT_EQ(setenv("PENSTOCK_CLIENT_ID", "from-the-process", 1), 0);
  const auto options = ServiceOptions::FromEnvironment({});
  unsetenv("PENSTOCK_CLIENT_ID");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->bus.client_id, "from-the-process");
}

}  // namespace
}  // namespace penstock
