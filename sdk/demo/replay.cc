// SPDX-License-Identifier: Apache-2.0
#include "replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::demo {
namespace {

constexpr char kTopic[] = "packages";
constexpr std::uint64_t kLead =
    4096;  // events published and not yet handled, at most: keeps latency a measure of the bus
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::microseconds kSettleTick{200};
constexpr std::chrono::seconds kPatience{30};  // without any progress
constexpr std::chrono::seconds kPublishTimeout{10};

BusOptions MakeBusOptions(const ReplayOptions& options) {
  BusOptions bus;
  bus.url = options.url;
  bus.client_id = "penstock-demo";
  bus.publish_timeout = kPublishTimeout;
  bus.pool.name = "demo";
  bus.pool.actors = options.actors;
  bus.pool.workers = options.workers;
  return bus;
}

std::uint64_t DeadLettered(const BusStats& stats) {
  std::uint64_t count = 0;
  for (const SubscriptionStats& subscription : stats.subscriptions) count += subscription.dead_lettered;
  return count;
}

std::uint64_t InFlight(const BusStats& stats) {
  std::uint64_t count = 0;
  for (const SubscriptionStats& subscription : stats.subscriptions) count += subscription.in_flight;
  return count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Replay>> Replay::Start(Ledger& ledger, const ReplayOptions& options) {
  std::unique_ptr<Replay> replay(new Replay(ledger));
  if (absl::Status opened = replay->Open(options); !opened.ok()) return opened;
  replay->publisher_ = std::jthread([raw = replay.get()](const std::stop_token& stop) { raw->Run(stop); });
  return replay;
}

Replay::~Replay() { Abandon(); }

// Closing the bus frees a publisher that waits for room in it.
void Replay::Abandon() {
  publisher_.request_stop();
  if (bus_ && !done()) bus_->Close();
}

absl::Status Replay::Open(const ReplayOptions& options) {
  auto bus = EventBus::Connect(MakeBusOptions(options));
  if (!bus.ok()) return bus.status();
  bus_ = *std::move(bus);
  if (options.metrics_port.has_value()) {
    if (absl::Status served = Serve(*options.metrics_port); !served.ok()) return served;
  }
  return bus_
      ->SubscribeEnvelope(
          kTopic, [this](const Envelope& envelope, const Delivery& delivery) { return Handle(envelope, delivery); })
      .status();
}

absl::Status Replay::Serve(std::uint16_t port) {
  auto collector = metrics::BusCollector::Create([bus = bus_.get()] { return bus->Stats(); });
  if (!collector.ok()) return collector.status();
  const std::shared_ptr<metrics::BusCollector> source = *std::move(collector);
  auto endpoint = metrics::HttpEndpoint::Listen(
      {.port = port, .routes = {{"/metrics", {.handler = [source](const metrics::HttpRequest& request) {
                                   return metrics::ReplyToScrape(request, source->Collect());
                                 }}}}});
  if (!endpoint.ok()) return endpoint.status();
  endpoint_ = *std::move(endpoint);
  return absl::OkStatus();
}

Outcome Replay::Handle(const Envelope& envelope, const Delivery& delivery) {
  Outcome outcome = ledger_.Handle(envelope, delivery.attempt());
  if (ledger_.handled() >= awaited_.load(std::memory_order_seq_cst)) Wake();
  return outcome;
}

void Replay::Wake() {
  const MutexLock lock(mutex_);
  changed_.NotifyAll();
}

void Replay::Run(const std::stop_token& stop) {
  SetThreadName("demo-publish");
  absl::Status result = PublishAll(stop);
  if (result.ok()) result = AwaitHandled(ledger_.events(), stop);
  if (result.ok()) AwaitSettled(stop);
  finish_ = Clock::now();
  {
    const MutexLock lock(mutex_);
    if (result_.ok()) result_ = std::move(result);
  }
  done_.store(true, std::memory_order_release);
}

absl::Status Replay::PublishAll(const std::stop_token& stop) {
  first_send_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  const auto acknowledged = [this](const absl::StatusOr<PubAck>& ack) {
    if (ack.ok()) return;
    const MutexLock lock(mutex_);
    if (result_.ok()) result_ = ack.status();
    changed_.NotifyAll();
  };
  for (std::uint64_t number = 0; number < ledger_.events(); ++number) {
    if (stop.stop_requested()) return absl::CancelledError("replay: stopped");
    if (number >= ledger_.handled() + kLead) {
      if (absl::Status room = AwaitHandled(number - kLead / 2, stop); !room.ok()) return room;
    }
    Envelope envelope = ledger_.MakeEnvelope(number);
    ledger_.Sent(number);
    if (absl::Status sent = bus_->PublishEnvelopeAsync(kTopic, std::move(envelope), acknowledged); !sent.ok())
      return sent;
    published_.store(number + 1, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

absl::Status Replay::AwaitHandled(std::uint64_t count, const std::stop_token& stop) {
  awaited_.store(count, std::memory_order_seq_cst);
  std::uint64_t settled = Settled();
  auto deadline = Clock::now() + kPatience;
  while (settled < count) {
    if (stop.stop_requested()) return absl::CancelledError("replay: stopped");
    {
      MutexLock lock(mutex_);
      if (!result_.ok()) return result_;
      if (ledger_.handled() < count) changed_.WaitUntil(lock, Clock::now() + kTick);
    }
    const std::uint64_t before = std::exchange(settled, Settled());
    if (settled != before) deadline = Clock::now() + kPatience;
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("replay: ", settled, " of ", ledger_.events(),
                       " events handled, then none for 30 s; run again, and with --embedded to tell bus from server"));
    }
  }
  awaited_.store(std::numeric_limits<std::uint64_t>::max(), std::memory_order_seq_cst);
  return absl::OkStatus();
}

// Handled is not yet acknowledged: the last acks are on their way out of the bus.
void Replay::AwaitSettled(const std::stop_token& stop) {
  const auto deadline = Clock::now() + kPatience;
  while (InFlight(bus_->Stats()) > 0 && !stop.stop_requested() && Clock::now() < deadline) {
    MutexLock lock(mutex_);
    changed_.WaitUntil(lock, Clock::now() + kSettleTick);
  }
}

std::uint64_t Replay::Settled() const { return ledger_.handled() + DeadLettered(bus_->Stats()); }

Progress Replay::progress() const {
  const BusStats stats = bus_->Stats();
  const Tally tally = ledger_.tally();
  const std::uint64_t published = published_.load(std::memory_order_relaxed);
  Progress progress{.elapsed = Clock::now() - start_,
                    .events = ledger_.events(),
                    .published = published,
                    .handled = tally.handled,
                    .in_flight = published - std::min(published, tally.distinct),
                    .retried = tally.retried,
                    .restarted = stats.pool.Total().restarts,
                    .order_violations = tally.order_violations,
                    .p50 = ledger_.latency().Quantile(0.5),
                    .p99 = ledger_.latency().Quantile(0.99)};
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    progress.held_keys += subscription.held_keys;
    progress.parked += subscription.parked;
  }
  for (const actorpool::ActorStats& actor : stats.pool.actors)
    progress.actors.push_back(actor.succeeded + actor.failed);
  return progress;
}

absl::Status Replay::Finish(Report& report) {
  const BusStats stats = bus_->Stats();
  Abandon();
  publisher_.join();
  const Clock::time_point first_send{Clock::duration(first_send_.load(std::memory_order_relaxed))};
  report.events = ledger_.events();
  report.aggregates = ledger_.aggregates();
  report.transport = stats.transport;
  report.actors = stats.pool.actors.size();
  report.workers = stats.pool.workers;
  report.tally = ledger_.tally();
  report.restarted = stats.pool.Total().restarts;
  report.dead_lettered = DeadLettered(stats);
  report.elapsed = finish_ - first_send;
  report.p50 = ledger_.latency().Quantile(0.5);
  report.p99 = ledger_.latency().Quantile(0.99);
  const absl::Status drained =
      bus_->Drain(std::chrono::duration_cast<std::chrono::milliseconds>(kPublishTimeout)).status;
  const MutexLock lock(mutex_);
  return result_.ok() ? drained : result_;
}

}  // namespace penstock::demo
