// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock {

/// The fate of ticks at which no process had the schedule. The next one is stored ahead (docs/delay.md), and comes as
/// soon as somebody relays: it is not missed.
enum class MissedTicks {
  kSkip,  ///< left out
  kOnce,  ///< the last of them is published, late
  kAll,   ///< all are published, late, in their order
};

struct PeriodicOptions {
  /// Names the schedule: processes with the same `base_stream_name` and name share it. 1 to 64 bytes of
  /// `[A-Za-z0-9_-]`.
  std::string name{};
  /// Five fields as in crontab(5): minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`,
  /// `@weekly`, `@monthly`, `@yearly`. Of a time that a change of the clocks leaves out, the moment of the change
  /// stands for it; of one that it repeats, the first counts.
  std::string cron{};
  std::string time_zone = "UTC";  ///< such as `Europe/Berlin`
  MissedTicks missed = MissedTicks::kSkip;
};

/// Makes the envelope of a tick. Called on a thread of the schedule's. Its `event_id` is set afterwards, to
/// `{name}@{tick}`, and its `aggregate_id`, if it is empty, to the name. A throw is logged, and it is called again.
using MakePeriodic = std::function<Envelope(std::chrono::system_clock::time_point tick)>;

/// A schedule: publishes an envelope at every tick of a cron line, once, however many processes have it. There is no
/// leader among them: each stores the next tick's envelope ahead, as a delayed one, under an ID that they all give it,
/// and notes in the bucket `PENSTOCK_PERIODIC` how far they have come.
///
/// **Thread safety:** thread-safe. **Ownership:** owns a thread, `ps-periodic`; the bus must outlive it.
/// **Blocking:** `Start` asks the server; `Stop` and the destructor wait for a request that runs.
/// **Shutdown:** `Stop`. The tick that is stored already still comes.
class Periodic {
 public:
  /// `kInvalidArgument` for an invalid topic or option; otherwise errors as `EventBus::Bucket`. Whatever happens later
  /// is logged, and tried again.
  static absl::StatusOr<std::unique_ptr<Periodic>> Start(EventBus& bus, std::string_view topic, PeriodicOptions options,
                                                         MakePeriodic make);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

  /// Idempotent. A schedule that is started anew with another cron line or zone begins anew. So stop the old one in all
  /// processes first: as long as both run they end each other's next tick.
  void Stop();

 private:
  class Schedule;
  explicit Periodic(std::unique_ptr<Schedule> schedule);
  const std::unique_ptr<Schedule> schedule_;
};

}  // namespace penstock
