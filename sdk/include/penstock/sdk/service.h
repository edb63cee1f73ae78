// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/metrics/bus_collector.h"

namespace penstock {

struct ServiceOptions {
  /// The bus. Where its `log`, and that of its pool, is empty, `MakeStderrLog(log_level)` is used.
  BusOptions bus{};
  /// How the bus appears in `/metrics`.
  metrics::CollectorOptions metrics{};
  /// Address that serves `/metrics`, `/healthz` and `/readyz`. There is no authentication: keep it on loopback or on a
  /// network that only your monitoring and your orchestrator reach.
  std::string metrics_host = "127.0.0.1";
  /// 0: any free port, told by `Service::metrics_port` and in the log. Nothing: no HTTP at all.
  std::optional<std::uint16_t> metrics_port = std::uint16_t{9464};
  /// How long `Run` lets the bus finish what it received. Longer than your orchestrator's patience (Docker 10 s,
  /// Kubernetes 30 s) means being killed in the middle; too short hands back what could have been finished. Range 0 to
  /// 1 h.
  std::chrono::milliseconds drain_timeout{8000};
  /// `/healthz` fails when handlers were waiting and none ended for this long. Choose it well above your slowest
  /// handler, or it restarts a service that merely works. 0: never. Range 0 or 1 s to 1 day.
  std::chrono::milliseconds stall_limit{300'000};
  /// Lines below it are not written. Without effect on a `bus.log` of your own.
  LogLevel log_level = LogLevel::kInfo;

  /// `kInvalidArgument` naming the field that is out of range; the bus's fields are checked when it connects.
  absl::Status Validate() const;

  /// `defaults`, overridden by the process's environment:
  /// `PENSTOCK_URL`, `PENSTOCK_CLIENT_ID`, `PENSTOCK_METRICS_HOST`, `PENSTOCK_METRICS_PORT` (0 to 65535, or `off`),
  /// `PENSTOCK_LOG_LEVEL`
  /// (`debug`, `info`, `warning`, `error`), `PENSTOCK_DRAIN_TIMEOUT_MS`. `kInvalidArgument` naming a variable whose
  /// value is empty or out of range, and for any other variable that begins with `PENSTOCK_`. Values are never repeated
  /// in errors, since a URL may hold a password. Not while another thread changes the environment.
  static absl::StatusOr<ServiceOptions> FromEnvironment(ServiceOptions defaults);
};

/// The whole life of a microservice: connects, serves its metrics, runs until it is told to stop, drains.
///
/// `Create` blocks SIGTERM and SIGINT in the calling thread, and with it in every thread made later: call it first
/// thing in `main`, before other threads exist (they would be ended by the signal). The first of these signals requests
/// a stop; a second one ends the process at once with exit code 128 + signal, leaving to the server what was not
/// settled. One `Service` per process.
///
/// **Thread safety:** thread-safe, except that `Run` is called once.
/// **Ownership:** owns the bus, the HTTP endpoint and a thread named `penstock-signal`. What the handlers refer to must
/// outlive it.
/// **Blocking:** `Create` as `EventBus::Connect`, `Run` until the end, the destructor as `EventBus::Close`.
/// **Ordering:** as `EventBus`.
/// **Shutdown:** `Run` drains; the destructor closes, and unblocks the signals in its thread.
class Service {
 public:
  /// `kInvalidArgument` for options; `kAlreadyExists` when the metrics port is taken; else as `EventBus::Connect` and
  /// `metrics::HttpEndpoint::Listen`.
  static absl::StatusOr<std::unique_ptr<Service>> Create(ServiceOptions options);

  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  EventBus& bus();

  /// The port that serves `/metrics`; 0 when none does.
  std::uint16_t metrics_port() const;

  /// Waits for a signal or `RequestStop`, then drains the bus. OK when everything that was received is finished,
  /// otherwise as `EventBus::Drain`. `/readyz` says no from the request on. Not from a handler.
  absl::Status Run();

  /// Makes `Run` return, now or when it is called. From any thread, handlers included. Idempotent.
  void RequestStop();

  /// Tells when a stop was requested, for loops of your own.
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
