// SPDX-License-Identifier: Apache-2.0
// A real Prometheus scrapes an endpoint, and is asked what it understood.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>

#include "http/http_client.h"
#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/exposition.h"
#include "snapshots.h"
#include "support/child_process.h"
#include "support/eventually.h"

namespace penstock::metrics {
namespace {

using penstock::testing::ChildProcess;
using penstock::testing::Eventually;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kPatience{40};

class PrometheusScrapeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = ::testing::TempDir() + "penstock-prometheus-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    endpoint_ = Serve({.routes = {{"/metrics", {.handler = [this](const HttpRequest& request) {
                                     const HttpReply reply =
                                         ReplyToScrape(request, BusFamilies(SmallBus(), {.metric_namespace = "n"}));
                                     const std::lock_guard<std::mutex> lock(mutex_);
                                     content_types_.insert(reply.content_type);
                                     return reply;
                                   }}}}});
    std::ofstream(folder_ / "prometheus.yml")
        << "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
        << "scrape_configs:\n- job_name: penstock\n  static_configs:\n  - targets: ['127.0.0.1:" << endpoint_->port()
        << "']\n";
    port_ = FreePort();
    auto prometheus = ChildProcess::Spawn({.command = {"/bin/sh", "-c", "exec prometheus \"$@\"", "sh",
                                                       "--config.file=" + (folder_ / "prometheus.yml").string(),
                                                       "--storage.tsdb.path=" + (folder_ / "data").string(),
                                                       "--web.listen-address=127.0.0.1:" + std::to_string(port_)},
                                           .log = (folder_ / "log").string()});
    ASSERT_TRUE(prometheus.ok()) << prometheus.status();
    prometheus_ = *std::move(prometheus);
  }

  void TearDown() override {
    prometheus_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::uint16_t FreePort() { return Serve({})->port(); }

  std::string Ask(const std::string& path) const { return Get(port_, path, "Connection: close\r\n"); }
  bool Knows(const std::string& query, const std::string& value) const {
    return Eventually([&] { return Ask("/api/v1/query?query=" + query).find(value) != std::string::npos; }, kPatience);
  }
  std::string Log() const {
    std::ifstream file(folder_ / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::set<std::string> content_types_;
  std::unique_ptr<HttpEndpoint> endpoint_;
  std::uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> prometheus_;
};

TEST_F(PrometheusScrapeTest, IsUnderstoodAsOpenMetrics) {
  EXPECT_TRUE(Knows("up", ",\"1\"]")) << Log();
  EXPECT_TRUE(Knows("n_reconnects_total", ",\"62\"]"));
  EXPECT_TRUE(Knows("n_actor_pool_message_latency_seconds_bucket%7Ble%3D%22%2BInf%22%7D", ",\"12\"]"));
  EXPECT_TRUE(Knows("n_published_total%7Btopic%3D%22orders%22%7D", ",\"31\"]"));
  const std::string metadata = Ask("/api/v1/targets/metadata?metric=n_published_bytes");
  EXPECT_THAT(metadata, HasSubstr("\"type\":\"counter\""));
  EXPECT_THAT(metadata, HasSubstr("\"unit\":\"bytes\""));
  EXPECT_THAT(Ask("/api/v1/targets"), HasSubstr("\"lastError\":\"\""));
  const std::lock_guard<std::mutex> lock(mutex_);
  EXPECT_THAT(content_types_, ::testing::ElementsAre(kOpenMetricsContentType));
}

}  // namespace
}  // namespace penstock::metrics
