// SPDX-License-Identifier: Apache-2.0
#include "penstock/sdk/service.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "escape_controls.h"
#include "health.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/metrics/exposition.h"
#include "penstock/metrics/http_endpoint.h"
#include "penstock/sdk/stderr_log.h"
#include "stop_signals.h"

namespace penstock {
namespace {

constexpr std::chrono::hours kLongestDrain{1};
constexpr std::chrono::seconds kShortestStall{1};
constexpr std::chrono::hours kLongestStall{24};
constexpr std::size_t kMostHandlerThreads = 64;
constexpr char kDestroyedInHandler[] =
    "penstock: a Service was destroyed in one of its handlers, for which it would wait for ever; call RequestStop "
    "there, "
    "and destroy the Service when Run has returned\n";

absl::Status Invalid(const std::string& text) { return absl::InvalidArgumentError("service options: " + text); }

absl::Status CheckRoutes(const std::map<std::string, metrics::HttpRoute>& routes) {
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    if (routes.contains(path))
      return Invalid(absl::StrCat("routes has \"", path, "\", which is served; choose another"));
  }
  for (const auto& [path, route] : routes) {
    if (absl::Status status = route.Validate(path); !status.ok())
      return Invalid(absl::StrCat("routes: ", status.message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ServiceOptions::Validate() const {
  using std::chrono::milliseconds;
  if (metrics_host.empty()) {
    return absl::InvalidArgumentError("service options: metrics_host is empty; name an address, such as 127.0.0.1");
  }
  if (drain_timeout < milliseconds(0) || drain_timeout > kLongestDrain) {
    return absl::InvalidArgumentError(
        absl::StrCat("service options: drain_timeout is ", drain_timeout.count(), " ms; use 0 to 1 h"));
  }
  if (stall_limit != milliseconds(0) && (stall_limit < kShortestStall || stall_limit > kLongestStall)) {
    return absl::InvalidArgumentError(
        absl::StrCat("service options: stall_limit is ", stall_limit.count(), " ms; use 0, or 1 s to 1 day"));
  }
  for (const auto& collectable : collectables) {
    if (!collectable) return Invalid("collectables has a null pointer; leave it out");
  }
  for (const auto& [name, check] : ready_checks) {
    if (name.empty() || !check) return Invalid("ready_checks has an empty name or function; set both");
  }
  if (handler_threads < 1 || handler_threads > kMostHandlerThreads) {
    return Invalid(absl::StrCat("handler_threads is ", handler_threads, "; use 1 to ", kMostHandlerThreads));
  }
  if (absl::Status status = CheckRoutes(routes); !status.ok()) return status;
  return metrics.Validate();
}

class Service::Core {
 public:
  explicit Core(ServiceOptions options) : options_(std::move(options)), stall_watch_(options_.stall_limit) {
    if (!options_.bus.log) options_.bus.log = MakeStderrLog(options_.log_level);
    if (!options_.bus.pool.log) options_.bus.pool.log = options_.bus.log;
  }

  absl::Status Start() {
    auto signals = StopSignals::Watch(options_.bus.log);
    if (!signals.ok()) return signals.status();
    signals_ = *std::move(signals);
    auto bus = EventBus::Connect(options_.bus, signals_->stop_token());
    if (!bus.ok()) return bus.status();
    bus_ = *std::move(bus);
    auto collector = metrics::BusCollector::Create([this] { return bus_->Stats(); }, options_.metrics);
    if (!collector.ok()) return collector.status();
    collectables_.push_back(*std::move(collector));
    collectables_.insert(collectables_.end(), options_.collectables.begin(), options_.collectables.end());
    return options_.metrics_port ? Listen(*options_.metrics_port) : absl::OkStatus();
  }

  absl::Status Run() {
    ran_.store(true, std::memory_order_relaxed);
    signals_->WaitForStop();
    const DrainReport report = bus_->Drain(options_.drain_timeout);
    Log(report.orderly ? LogLevel::kInfo : LogLevel::kWarning,
        absl::StrFormat("drained: finished %d messages, handed back %d, left %d to handlers that still run",
                        report.finished, report.handed_back, report.abandoned));
    return report.orderly ? absl::OkStatus() : report.status;
  }

  // A handler that destroyed the service would wait for itself.
  void CheckEnd() {
    if (bus_->InHandler()) {
      std::fputs(kDestroyedInHandler, stderr);
      std::abort();
    }
    const bool stopped = signals_->stop_token().stop_requested() || ran_.load(std::memory_order_relaxed);
    if (stopped || bus_->Stats().subscriptions.empty()) return;
    Log(LogLevel::kError,
        "the service was destroyed without Run: its subscriptions end now; call Run, which waits for a signal");
  }

  const OriginProcess& origin() const { return origin_; }
  EventBus& bus() { return *bus_; }
  StopSignals& signals() { return *signals_; }
  std::uint16_t metrics_port() const { return endpoint_ ? endpoint_->port() : 0; }

 private:
  absl::Status Listen(std::uint16_t port) {
    auto endpoint = metrics::HttpEndpoint::Listen({.host = options_.metrics_host,
                                                   .port = port,
                                                   .routes = Routes(),
                                                   .handler_threads = options_.handler_threads,
                                                   .log = options_.bus.log});
    if (!endpoint.ok()) return endpoint.status();
    endpoint_ = *std::move(endpoint);
    Log(LogLevel::kInfo, absl::StrCat("serving http://", options_.metrics_host, ":", metrics_port(), "/metrics"));
    return absl::OkStatus();
  }

  // `/healthz` waits for nobody. The other two call code of the user's, and so have a thread each.
  std::map<std::string, metrics::HttpRoute> Routes() {
    using metrics::HttpRequest;
    using metrics::HttpThread;
    std::map<std::string, metrics::HttpRoute> routes = options_.routes;
    routes["/metrics"] = {.handler = [this](const HttpRequest& request) { return Metrics(request); },
                          .thread = HttpThread::kOwn};
    routes["/healthz"] = {.handler = [this](const HttpRequest&) { return Healthz(); }, .thread = HttpThread::kIo};
    routes["/readyz"] = {.handler = [this](const HttpRequest&) { return Readyz(); }, .thread = HttpThread::kOwn};
    return routes;
  }

  metrics::HttpReply Metrics(const metrics::HttpRequest& request) const {
    return metrics::ReplyToScrape(request, metrics::CollectAll(collectables_));
  }

  metrics::HttpReply Healthz() {
    const bool stalled = stall_watch_.Stalled(bus_->Stats().pool, StallWatch::Clock::now());
    return HealthReply(stalled ? std::optional<std::string>("messages wait and no handler ends") : std::nullopt,
                       "alive");
  }

  metrics::HttpReply Readyz() const {
    if (signals_->stop_token().stop_requested()) return HealthReply("stopping", "");
    const CheckResults checks = RunChecks(options_.ready_checks);
    return ReadyReply(bus_->Stats(), checks);
  }

  void Log(LogLevel level, const std::string& line) const { options_.bus.log(level, line); }

  const OriginProcess origin_{};
  ServiceOptions options_;
  std::atomic<bool> ran_{false};  // relaxed: a flag by itself
  StallWatch stall_watch_;        // of the endpoint's I/O thread
  // Made in this order, and destroyed from the last to the first.
  std::unique_ptr<StopSignals> signals_;
  std::unique_ptr<EventBus> bus_;
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::unique_ptr<metrics::HttpEndpoint> endpoint_;
};

absl::StatusOr<std::unique_ptr<Service>> Service::Create(ServiceOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<Service>(new Service(std::move(core)));
}

Service::Service(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Service::~Service() {
  if (core_->origin().left()) {
    LeaveToParent(std::move(core_));
    return;
  }
  core_->CheckEnd();
}

EventBus& Service::bus() { return core_->bus(); }
std::uint16_t Service::metrics_port() const { return core_->metrics_port(); }
absl::Status Service::Run() { return core_->Run(); }
void Service::RequestStop() { core_->signals().RequestStop(); }
std::stop_token Service::stop_token() const { return core_->signals().stop_token(); }

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", EscapeControls(std::string_view(status.ToString())).c_str());
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace penstock
