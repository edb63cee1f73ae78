// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/http_route.h"

namespace penstock {

/// Checks something that the service needs. Any status but OK makes `/readyz` answer 503 and is shown there, so its
/// message must hold no secret. Called on one thread at a time, once per request of `/readyz`. While a check blocks,
/// requests of `/readyz` wait; those of other paths do not. May throw, which counts as a failure.
using ReadyCheck = std::function<absl::Status()>;

struct ServiceOptions {
  /// The bus. If its `log` is empty, `MakeStderrLog(log_level)` is used; an empty `pool.log` becomes the bus's.
  BusOptions bus{};
  /// How the bus appears in `/metrics`.
  metrics::CollectorOptions metrics{};
  /// Address that serves `/metrics`, `/healthz` and `/readyz`. There is no authentication: keep it on loopback or on a
  /// network that only your monitoring and your orchestrator reach.
  std::string metrics_host = "127.0.0.1";
  /// 0: any free port, reported by `Service::metrics_port` and in the log. `std::nullopt`: no HTTP endpoint.
  std::optional<std::uint16_t> metrics_port = std::uint16_t{9464};
  /// Metrics of your own, shown by `/metrics` beside those of the bus: a `prometheus::Registry` or any other
  /// `Collectable`. Families of the same name and type are joined. Read on one thread at a time, once per scrape. No
  /// null pointers. Here and below: no effect without `metrics_port`.
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables{};
  /// Checks of your own by name, such as "database"; the body of `/readyz` has a line for each.
  std::map<std::string, ReadyCheck> ready_checks{};
  /// Paths of your own on the metrics port, other than `/metrics`, `/healthz` and `/readyz`.
  std::map<std::string, metrics::HttpRoute> routes{};
  /// Handlers of `routes` that may run at once. Range 1 to 64.
  std::size_t handler_threads = 2;
  /// How long `Run` lets the bus finish what it received, and waits for a lost connection. If it is longer than the
  /// grace period of your orchestrator (Docker 10 s, Kubernetes 30 s), the process is killed while draining; if it is
  /// too short, messages are handed back needlessly. Range 0 to 1 h.
  std::chrono::milliseconds drain_timeout{8000};
  /// `/healthz` fails when messages have waited in inboxes for this long and no handler has ended meanwhile. Choose it
  /// well above your slowest handler; otherwise an orchestrator restarts a service that is only busy. 0: never. Range 0
  /// or 1 s to 1 day.
  std::chrono::milliseconds stall_limit{300'000};
  /// Lines below this level are not written. No effect on a `bus.log` that you set.
  LogLevel log_level = LogLevel::kInfo;

  /// `kInvalidArgument` naming the field that is out of range; the bus's fields are checked when it connects.
  absl::Status Validate() const;

  /// `defaults`, overridden by the process's environment: `PENSTOCK_URL`, `PENSTOCK_CLIENT_ID`, `PENSTOCK_WORKERS` and
  /// so on; docs/operations.md lists all of them. User, password and token may stand in files (`PENSTOCK_TOKEN_FILE`),
  /// which are read here. `kInvalidArgument` naming a variable whose value is empty or out of range, two that set the
  /// same option, and any other variable that begins with `PENSTOCK_`, with the name that is nearest to it. Errors
  /// never contain the values, because a URL may hold a password. Must not run while another thread changes the
  /// environment.
  static absl::StatusOr<ServiceOptions> FromEnvironment(ServiceOptions defaults);
};

/// The whole life of a microservice: connects, serves its metrics, runs until it is told to stop, drains.
///
/// From `Create` on it handles SIGTERM and SIGINT, while it connects too. The first of these signals requests a stop; a
/// second one ends the process at once with exit code 128 + signal; the server redelivers unacknowledged messages. No
/// signal is blocked: a call of yours that the system cannot resume, such as `sleep`, ends with `EINTR`. One `Service`
/// per process.
///
/// **Thread safety:** thread-safe, except that `Run` is called once.
/// **Ownership:** owns the bus, the HTTP endpoint and a thread named `penstock-signal`. What handlers, checks and
/// collectables refer to must outlive it.
/// **Blocking:** `Create` as `EventBus::Connect`, `Run` until the service was stopped and drained, the destructor as
/// `EventBus::Close` and until handlers of `routes` have returned.
/// **Ordering:** as `EventBus`.
/// **Shutdown:** `Run` drains; the destructor closes the bus and restores what the signals did before. In a handler the
/// destructor would wait for ever: there it prints an error and aborts. A handler calls `RequestStop` instead.
/// **Child processes:** as `EventBus`; SIGTERM and SIGINT end them as usual.
class Service {
 public:
  /// `kInvalidArgument` for invalid options; `kAlreadyExists` when the metrics port is taken; `kCancelled` when a
  /// signal came before the bus was connected; else as `EventBus::Connect` and `metrics::HttpEndpoint::Listen`.
  static absl::StatusOr<std::unique_ptr<Service>> Create(ServiceOptions options);

  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  EventBus& bus();

  /// The port that serves `/metrics`; 0 when none does.
  std::uint16_t metrics_port() const;

  /// Waits for a signal or `RequestStop`, then drains the bus. OK when the drain was orderly: everything was finished,
  /// or what had not begun in time was handed back, in order, and the log says how many; otherwise the status of
  /// `EventBus::Drain`. `/readyz` fails as soon as a stop was requested; HTTP is served until the service is destroyed.
  /// Must not be called from a handler.
  absl::Status Run();

  /// Makes `Run` drain and return, whether it runs already or is called later. From any thread, handlers included.
  /// Idempotent.
  void RequestStop();

  /// For loops of your own: a stop was requested.
  std::stop_token stop_token() const;

 private:
  class Core;
  explicit Service(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

/// The exit code of `main` for a status: 0 when it is OK, 2 for `kInvalidArgument` (wrong configuration), 1 for
/// anything else. Writes a status that is not OK to standard error.
int ExitCode(const absl::Status& status);

}  // namespace penstock
