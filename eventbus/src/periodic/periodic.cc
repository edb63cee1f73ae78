// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/periodic.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cron/cron_line.h"
#include "cron/tick_plan.h"
#include "naming/names.h"
#include "naming/subject_token.h"
#include "naming/timestamp.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/thread_name.h"
#include "penstock/eventbus/bucket.h"

namespace penstock {
namespace {

using eventbus::CronLine;
using eventbus::TickMark;
using eventbus::TickPlan;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr char kBucket[] = "PENSTOCK_PERIODIC";
constexpr std::chrono::seconds kRetry{1};
// The system's clock may be set meanwhile.
constexpr std::chrono::seconds kLongestWait{30};
// What was read of the others may be out of date then (this process was stopped), so it is read again.
constexpr std::chrono::seconds kReadHolds{10};

}  // namespace

class Periodic::Schedule {
 public:
  Schedule(EventBus& bus, std::string topic, PeriodicOptions options, MakePeriodic make, CronLine cron,
           std::unique_ptr<Bucket> bucket)
      : bus_(bus),
        topic_(std::move(topic)),
        options_(std::move(options)),
        make_(std::move(make)),
        cron_(cron),
        bucket_(std::move(bucket)),
        key_(absl::StrCat(eventbus::SubjectToken(bus.options().base_stream_name), ".", options_.name)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

  void Stop() {
    const MutexLock once(stop_mutex_);
    if (!thread_.joinable()) return;
    thread_.request_stop();
    {
      const MutexLock lock(mutex_);
      wake_.NotifyAll();
    }
    thread_.join();
  }

 private:
  void Run(const std::stop_token& stop) {
    SetThreadName("ps-periodic");
    while (!stop.stop_requested()) {
      absl::StatusOr<system_clock::time_point> next = Advance(stop);
      Tell(next.status());
      Await(stop, next.value_or(system_clock::now() + kRetry));
    }
  }

  /// Returns when there is something to do again.
  absl::StatusOr<system_clock::time_point> Advance(const std::stop_token& stop) {
    const auto read_at = steady_clock::now();
    const absl::StatusOr<BucketEntry> entry = bucket_->Get(key_, {.stop = stop});
    if (!entry.ok() && !absl::IsNotFound(entry.status())) return entry.status();
    const std::optional<TickMark> mark = entry.ok() ? TickMark::Read(entry->value) : std::nullopt;
    const TickPlan plan = eventbus::PlanTicks(cron_, options_, mark, system_clock::now());
    if (plan.called_off) {
      const absl::Status called_off = bus_.CancelDelayed(topic_, IdOf(*plan.called_off));
      const bool over = absl::IsNotFound(called_off) || absl::IsFailedPrecondition(called_off);
      if (!called_off.ok() && !over) return called_off;
    }
    if (plan.ticks.empty()) return mark->last;
    for (const auto tick : plan.ticks) {
      if (stop.stop_requested()) return absl::CancelledError("the schedule is being stopped");
      if (steady_clock::now() - read_at > kReadHolds) return system_clock::now();
      if (absl::Status published = Publish(tick); !published.ok()) return published;
    }
    return Note(plan.ticks.back(), entry, stop);
  }

  absl::Status Publish(system_clock::time_point tick) {
    try {
      Envelope envelope = make_(tick);
      envelope.event_id = IdOf(tick);
      if (envelope.aggregate_id.empty()) envelope.aggregate_id = options_.name;
      return bus_.PublishEnvelope(topic_, std::move(envelope), {.deliver_at = tick}).status();
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("making the envelope threw: ", error.what()));
    } catch (...) {
      return absl::InternalError("making the envelope threw");
    }
  }

  absl::StatusOr<system_clock::time_point> Note(system_clock::time_point last, const absl::StatusOr<BucketEntry>& entry,
                                                const std::stop_token& stop) {
    const std::string mark = TickMark{.cron = options_.cron, .time_zone = options_.time_zone, .last = last}.Written();
    const auto noted = entry.ok() ? bucket_->Update(key_, mark, entry->revision, {.stop = stop})
                                  : bucket_->Create(key_, mark, {.stop = stop});
    const bool others_did = absl::IsAborted(noted.status()) || absl::IsAlreadyExists(noted.status());
    if (!noted.ok() && !others_did) return noted.status();
    return others_did ? system_clock::now() : last;
  }

  std::string IdOf(system_clock::time_point tick) const {
    return absl::StrCat(options_.name, "@", eventbus::FormatTimestamp(tick));
  }

  void Await(const std::stop_token& stop, system_clock::time_point until) {
    MutexLock lock(mutex_);
    while (!stop.stop_requested() && system_clock::now() < until) {
      const auto left = std::min<system_clock::duration>(until - system_clock::now(), kLongestWait);
      wake_.WaitUntil(lock, LaterBy(steady_clock::now(), left));
    }
  }

  void Tell(const absl::Status& why) {
    if (absl::IsCancelled(why) || std::exchange(told_, why.code()) == why.code()) return;
    if (why.ok() || !bus_.options().log) return;
    bus_.options().log(LogLevel::kWarning, absl::StrCat("schedule ", eventbus::Quoted(options_.name), ": ",
                                                        std::string(why.message()), "; it is tried again"));
  }

  EventBus& bus_;
  const std::string topic_;
  const PeriodicOptions options_;
  const MakePeriodic make_;
  const CronLine cron_;
  const std::unique_ptr<Bucket> bucket_;
  const std::string key_;
  absl::StatusCode told_ = absl::StatusCode::kOk;  // of the thread
  Mutex mutex_;
  CondVar wake_;
  Mutex stop_mutex_;  // held while `Stop` joins
  std::jthread thread_;
};

absl::StatusOr<std::unique_ptr<Periodic>> Periodic::Start(EventBus& bus, std::string_view topic,
                                                          PeriodicOptions options, MakePeriodic make) {
  using enum MissedTicks;
  const std::string what = "publish periodically";
  absl::Status status = eventbus::CheckTopic("publish periodically to", topic, bus.options().base_stream_name);
  if (!status.ok()) return status;
  status = eventbus::CheckName("name", options.name);
  if (status.ok() && options.missed != kSkip && options.missed != kOnce && options.missed != kAll)
    status = eventbus::BadField("missed", "is none of kSkip, kOnce and kAll");
  if (status.ok() && !make) status = absl::InvalidArgumentError("the function is empty; give one that can be called");
  if (!status.ok()) return eventbus::Prefixed(what, status);
  auto cron = CronLine::Parse(options.cron, options.time_zone);
  if (!cron.ok()) return eventbus::Prefixed(what, cron.status());
  if (status = bus.RelayDelayed(); !status.ok()) return status;
  auto bucket = bus.Bucket(kBucket, {.replicas = bus.options().limits.replicas});
  if (!bucket.ok()) return eventbus::Prefixed(what, bucket.status());
  return std::unique_ptr<Periodic>(new Periodic(std::make_unique<Schedule>(
      bus, std::string(topic), std::move(options), std::move(make), *std::move(cron), *std::move(bucket))));
}

Periodic::Periodic(std::unique_ptr<Schedule> schedule) : schedule_(std::move(schedule)) {}
Periodic::~Periodic() { Stop(); }
void Periodic::Stop() { schedule_->Stop(); }

}  // namespace penstock
