// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::Not;

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
             "PENSTOCK_JETSTREAM_DOMAIN=hub", "PENSTOCK_JETSTREAM_API_PREFIX=JS.store", "PENSTOCK_INBOX_PREFIX=_my"});
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
    EXPECT_THAT(ErrorOf(entry), HasSubstr("wrong value; expected a"));
  }
}

TEST(EnvironmentTest, RefusesVariablesItDoesNotKnow) {
  EXPECT_THAT(ErrorOf("PENSTOCK_URI=nats://a"), HasSubstr("\"PENSTOCK_URI\": unknown variable"));
  EXPECT_THAT(ErrorOf("PENSTOCK_=x"), HasSubstr("unknown variable"));
  EXPECT_THAT(ErrorOf("PENSTOCK_url=x"), HasSubstr("unknown variable"));
}

TEST(EnvironmentTest, NeitherRepeatsValuesNorControlCharacters) {
  EXPECT_THAT(ErrorOf("PENSTOCK_PASSWORD=s3cret"), Not(HasSubstr("s3cret")));
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
