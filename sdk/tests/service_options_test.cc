// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "penstock/sdk/service.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

std::string Refusal(const ServiceOptions& options) {
  EXPECT_EQ(options.Validate().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Service::Create(options).status(), options.Validate());
  return options.Validate().ToString();
}

TEST(ServiceOptionsTest, AcceptsItsDefaultsAndTheEndsOfItsRanges) {
  EXPECT_TRUE(ServiceOptions().Validate().ok());
  EXPECT_TRUE(ServiceOptions({.drain_timeout = milliseconds(0), .stall_limit = milliseconds(0)}).Validate().ok());
  EXPECT_TRUE(
      ServiceOptions({.drain_timeout = std::chrono::hours(1), .stall_limit = std::chrono::hours(24)}).Validate().ok());
}

TEST(ServiceOptionsTest, NamesTheFieldThatIsOutOfRange) {
  EXPECT_THAT(Refusal({.metrics_host = ""}), HasSubstr("metrics_host"));
  EXPECT_THAT(Refusal({.drain_timeout = milliseconds(-1)}), HasSubstr("drain_timeout"));
  EXPECT_THAT(Refusal({.drain_timeout = milliseconds(3'600'001)}), HasSubstr("drain_timeout"));
  EXPECT_THAT(Refusal({.stall_limit = milliseconds(999)}), HasSubstr("stall_limit"));
  EXPECT_THAT(Refusal({.stall_limit = milliseconds(-1)}), HasSubstr("stall_limit"));
  EXPECT_THAT(Refusal({.metrics = {.max_topics = 0}}), HasSubstr("max_topics"));
  EXPECT_THAT(Refusal({.collectables = {nullptr}}), HasSubstr("collectables"));
  EXPECT_THAT(Refusal({.ready_checks = {{"a", nullptr}}}), HasSubstr("ready_checks"));
  EXPECT_THAT(Refusal({.ready_checks = {{"", [] { return absl::OkStatus(); }}}}), HasSubstr("ready_checks"));
  EXPECT_THAT(Refusal({.routes = {{"/a", {}}}}), HasSubstr("routes: "));
  EXPECT_THAT(Refusal({.handler_threads = 0}), HasSubstr("handler_threads"));
}

TEST(ServiceOptionsTest, KeepsItsOwnPaths) {
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    const metrics::HttpRoute route = {.handler = [](const metrics::HttpRequest&) { return metrics::HttpReply{}; }};
    EXPECT_THAT(Refusal({.routes = {{path, route}}}), HasSubstr(path));
  }
}

}  // namespace
}  // namespace penstock
