// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/event_bus.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/call_limit.h"
#include "bus/dead_letters/dead_letter_writer.h"
#include "bus/dead_letters/dead_letters_factory.h"
#include "bus/delay/delay_relay.h"
#include "bus/delay/delayed_messages.h"
#include "bus/drain_verdict.h"
#include "bus/handle/invoke_handler.h"
#include "bus/handle/middleware_chain.h"
#include "bus/handle/pool_executor.h"
#include "bus/liveness/liveness_beat.h"
#include "bus/publish/envelope_publisher.h"
#include "bus/publish/topic_streams.h"
#include "bus/result_store.h"
#include "bus/result_stores.h"
#include "bus/subscribe/subscription_set.h"
#include "bus/topic_subscriptions.h"
#include "bus/worker_report.h"
#include "naming/names.h"
#include "options/options_check.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "transport/connect.h"

namespace penstock {
namespace {

using eventbus::Storage;

constexpr std::chrono::milliseconds kLastFlush{500};
constexpr std::chrono::milliseconds kNoTime{0};
// For the results of what was handled, when the bus is closed.
constexpr std::chrono::seconds kLongestPut{5};
// After a drain's deadline, for what was queued to be given up by the workers.
constexpr std::chrono::milliseconds kLastWait{250};
constexpr char kDestroyedInHandler[] =
    "penstock: an EventBus was destroyed in one of its handlers, for which it would wait for ever; destroy it on a "
    "thread of your own\n";

}  // namespace

/// Everything a bus consists of, in the order in which it can be torn down from the end.
class EventBus::Core {
 public:
  Core(BusOptions options, std::unique_ptr<eventbus::Transport> transport, std::unique_ptr<actorpool::ActorPool> pool)
      : options_(std::move(options)),
        pool_(std::move(pool)),
        transport_(std::move(transport)),
        streams_(options_, *transport_),
        letter_writer_(options_, *transport_, streams_),
        look_ups_(*transport_),
        dead_letters_(eventbus::DeadLettersFactory::Make(options_, *transport_, streams_)),
        publisher_(options_, *transport_, streams_),
        slots_(pool_->Stats().workers, options_.pool.actors),
        delayed_(options_, *transport_, streams_, publisher_),
        relay_(options_, *transport_, streams_),
        worker_report_(*pool_, options_.log),
        topics_({.options = options_,
                 .transport = *transport_,
                 .streams = streams_,
                 .subscriptions = subscriptions_,
                 .context = {.pool = actorpool::internal::PoolAccess(*pool_),
                             .dead_letters = letter_writer_,
                             .look_ups = look_ups_,
                             .deadlines = deadlines_,
                             .log = options_.log,
                             .slots = slots_,
                             .workers = worker_report_.workers(),
                             .request_tick = [this] { subscriptions_.RequestTick(); }}}),
        subscriptions_(options_.client_id + "-tick",
                       [this](auto now, const auto& disconnected) { OnTick(now, disconnected); }) {
    transport_->SetInlineExecutor(actorpool::internal::PoolAccess(*pool_).inline_executor());
    if (options_.relay_delayed) relay_.Start();
  }

  ~Core() {
    End();
    topics_.Stop();
    letter_writer_.Stop();
    look_ups_.Stop();
  }

  /// No handler runs any more.
  void End() {
    Shut(std::nullopt);
    pool_->Stop();  // for handlers that a drain did not wait for
    executor_->Stop();
  }

  absl::Status CheckOpen(std::string_view what) const {
    if (!closed_.load(std::memory_order_acquire)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrFormat("%s: the bus is closed", what));
  }

  template <typename Handler, typename Options>
  absl::Status CheckSubscription(std::string_view topic, const Handler& handler, const Options& options) const {
    if (auto status = topics_.CheckTopics("subscribe to", topic); !status.ok()) return status;
    if (!handler) return absl::InvalidArgumentError("subscribe: the handler is empty; give one that can be called");
    if (auto status = eventbus::CheckOptions(options); !status.ok()) return status;
    return CheckOpen("subscribe");
  }

  /// Results and requests to cancel are kept by topic, those of a pattern's topics too; results of a topic's classes
  /// under the topic.
  absl::StatusOr<eventbus::SubscriptionSpec> EnvelopeSpec(const eventbus::Place& place,
                                                          const EnvelopeSubscribeOptions& options,
                                                          eventbus::SharedEnvelopeHandler handler,
                                                          std::string_view results_of) const {
    std::shared_ptr<eventbus::ResultStore> results;
    const std::string& durable = options.durable.empty() ? options_.client_id : options.durable;
    if (options.results.keep) {
      auto opened = eventbus::ResultStore::Open(*place.bus, results_of, durable, options.results);
      if (!opened.ok()) return opened.status();
      results = *std::move(opened);
    }
    eventbus::SubscriptionSpec spec = eventbus::EnvelopeSubscription(
        place, options, std::move(handler), options_.client_id, transport_->max_payload_bytes());
    if (results) eventbus::KeepResults(results, *transport_, spec);
    if (!options.cancel.honour) return spec;
    auto cancels = eventbus::CancelWatch::Open(*place.bus, {.topic = place.topic,
                                                            .durable = durable,
                                                            .options = options.cancel,
                                                            .log = options_.log,
                                                            .was_handled = eventbus::HandledAccordingTo(results)});
    if (!cancels.ok()) return cancels.status();
    spec.cancels = *std::move(cancels);
    return spec;
  }

  void BeginToBeat(EventBus& bus) {
    const auto open = [&bus, name = options_.liveness.bucket](const BucketOptions& options,
                                                              const BucketCallOptions& call) {
      return bus.Bucket(name, options, call);
    };
    beat_ = std::make_unique<eventbus::LivenessBeat>(
        eventbus::LivenessBeat::Parts{.client_id = options_.client_id,
                                      .options = options_.liveness,
                                      .pool = *pool_,
                                      .log = options_.log,
                                      .open = open,
                                      .subscriptions = [this] { return subscriptions_.Liveness(); },
                                      .replicas = options_.limits.replicas});
  }

  // With a deadline what was received is finished first, and what does not end by then is left to itself. Pool before
  // transport, so that outcomes can still be told; consumers after that, since they send again what was lost with a
  // connection.
  DrainReport Shut(std::optional<eventbus::TimePoint> drain_deadline) {
    MutexLock lock(shut_mutex_);
    if (closed_.load(std::memory_order_acquire)) return {.orderly = true};
    const std::uint64_t reconnects = transport_->Stats().reconnects;
    topics_.StopReading();
    subscriptions_.StopReceiving();
    relay_.BeginStop(drain_deadline.value_or(eventbus::TimePoint()));
    const std::uint64_t before = subscriptions_.Settled();
    const bool finished = drain_deadline && subscriptions_.WaitQuiescent(*drain_deadline);
    relay_.Stop(drain_deadline.value_or(eventbus::TimePoint()));
    subscriptions_.Abandon();
    if (!drain_deadline || subscriptions_.WaitQuiescent(DeadlineAfter(kLastWait))) pool_->Stop();
    // At the end of a drain there is a moment left, so that acknowledgements of what has just ended reach the server.
    const eventbus::TimePoint last = std::max(drain_deadline.value_or(eventbus::TimePoint()), DeadlineAfter(kLastWait));
    executor_->Stop();
    subscriptions_.AwaitKept(drain_deadline ? last : DeadlineAfter(kLongestPut));
    const bool told = drain_deadline && AwaitTold(last);
    const eventbus::ShutdownSummary rest = subscriptions_.HandBack();
    if (beat_) beat_->Stop();
    absl::Status flushed =
        transport_->Flush(drain_deadline ? std::max(TimeUntil(last), told ? kLastWait : kNoTime) : kLastFlush);
    const bool in_doubt = rest.in_doubt || (rest.sends_once && transport_->Stats().reconnects != reconnects);
    DrainReport report{
        .finished = subscriptions_.Settled() - before, .handed_back = rest.handed_back, .abandoned = rest.abandoned};
    closed_.store(true, std::memory_order_release);
    results_.Close();
    transport_->Close();
    if (drain_deadline) eventbus::Judge({finished, told, rest.taken_over, in_doubt, std::move(flushed)}, report);
    return report;
  }

  // A connection that was replaced meanwhile may have taken acknowledgements with it: once more then.
  bool AwaitTold(eventbus::TimePoint deadline) {
    while (true) {
      const std::optional<std::uint64_t> steps = subscriptions_.AwaitInStep(deadline);
      if (!steps) return false;
      const bool flushed = *steps == 0 || transport_->Flush(TimeUntil(deadline)).ok();
      if (flushed && subscriptions_.AwaitInStep({}) == steps) return true;
      if (std::chrono::steady_clock::now() >= deadline) return false;
      subscriptions_.Pause();  // without a connection a flush fails at once
    }
  }

  static std::chrono::milliseconds TimeUntil(eventbus::TimePoint deadline) {
    return std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  }

  // On the ticking thread.
  void OnTick(eventbus::TimePoint now, const std::set<SubscriptionId>& disconnected) {
    topics_.Tick(disconnected);
    worker_report_.Look(now, subscriptions_.Ready());
    results_.Tick(now);
  }

  BusStats Stats() const {
    BusStats stats{.client_id = options_.client_id,
                   .transport = std::string(transport_->name()),
                   .storage_mismatches = streams_.mismatches(),
                   .stream_warnings = streams_.warnings(),
                   .connection = transport_->Stats(),
                   .pool = pool_->Stats(),
                   .publish_latency = publisher_.Latency(),
                   .delayed = relay_.Stats(),
                   .topics = publisher_.TopicStats()};
    subscriptions_.AddStats(stats);
    topics_.AddReaderStats(stats);
    return stats;
  }

  const OriginProcess origin_{};
  const BusOptions options_;
  const std::unique_ptr<actorpool::ActorPool> pool_;  // before the transport, whose I/O threads may run its actors
  const std::shared_ptr<eventbus::PoolExecutor> executor_ =
      std::make_shared<eventbus::PoolExecutor>(*pool_, options_.log);
  const std::unique_ptr<eventbus::Transport> transport_;
  eventbus::TopicStreams streams_;
  eventbus::DeadLetterWriter letter_writer_;
  eventbus::MessageLookUp look_ups_;
  eventbus::DeadlineWatch deadlines_;
  const std::unique_ptr<DeadLetters> dead_letters_;
  eventbus::EnvelopePublisher publisher_;
  eventbus::PoolSlots slots_;
  eventbus::DelayedMessages delayed_;
  eventbus::DelayRelay relay_;
  eventbus::WorkerReport worker_report_;  // of the ticking thread
  eventbus::ResultStores results_;        // that are awaited
  eventbus::TopicSubscriptions topics_;
  eventbus::SubscriptionSet subscriptions_;  // its ticking thread uses what is above
  std::atomic<bool> closed_{false};          // set once the last outcome was told
  Mutex shut_mutex_;
  std::unique_ptr<eventbus::LivenessBeat> beat_{};  // set once, before anybody has the bus
};

absl::StatusOr<std::unique_ptr<EventBus>> EventBus::Connect(BusOptions options, const std::stop_token& stop) {
  if (auto status = options.Validate(); !status.ok()) return status;
  if (!options.pool.log) options.pool.log = options.log;
  auto transport = options.url.starts_with("memory://") ? eventbus::ConnectMemory(options)
                                                        : eventbus::ConnectJetStream(options, stop);
  if (!transport.ok()) return transport.status();
  auto pool = actorpool::ActorPool::Create(options.pool);
  if (!pool.ok()) return pool.status();
  std::unique_ptr<EventBus> bus(
      new EventBus(std::make_unique<Core>(std::move(options), *std::move(transport), *std::move(pool))));
  if (bus->options().liveness.beat) bus->core_->BeginToBeat(*bus);
  return bus;
}

EventBus::EventBus(std::unique_ptr<Core> core) : core_(std::move(core)) { core_->executor_->ActFor(*this); }
EventBus::~EventBus() {
  if (core_->origin_.left()) {
    LeaveToParent(std::move(core_));
    return;
  }
  if (InHandler()) {
    std::fputs(kDestroyedInHandler, stderr);
    std::abort();
  }
  core_->End();  // while handlers can still use this
}

absl::Status EventBus::PublishAsync(std::string_view topic, std::string_view body, PublishCallback done,
                                    PublishOptions options) {
  if (auto status = core_->CheckOpen("publish"); !status.ok()) return status;
  return core_->publisher_.PublishBytes(topic, body, std::move(options), std::move(done));
}

absl::Status EventBus::PublishEnvelopeAsync(std::string_view topic, Envelope envelope, PublishCallback done,
                                            PublishOptions options) {
  if (auto status = core_->CheckOpen("publish"); !status.ok()) return status;
  const auto& middleware = core_->options_.middleware;
  if (!middleware.empty()) {
    absl::Status passed = eventbus::BeforePublish(middleware, topic, envelope, options);
    if (!passed.ok()) return passed;
    done = eventbus::WithMiddleware(std::move(done), middleware, topic);
  }
  std::string of_class;
  if (!options.priority_class.empty()) {
    if (auto status = eventbus::CheckOptions(options); !status.ok()) return status;
    topic = of_class = eventbus::ClassTopic(topic, options.priority_class);
  }
  if (eventbus::IsDelayed(options)) {
    absl::Status stored = core_->delayed_.Publish(topic, std::move(envelope), std::move(options), std::move(done));
    if (stored.ok()) core_->relay_.Start();
    return stored;
  }
  return core_->publisher_.PublishEnvelope(topic, std::move(envelope), std::move(options), std::move(done));
}

absl::Status EventBus::CancelDelayed(std::string_view topic, std::string_view event_id) {
  if (auto status = core_->CheckOpen("cancel a delayed message"); !status.ok()) return status;
  return core_->delayed_.CallOff(topic, event_id);
}

absl::Status EventBus::RelayDelayed() {
  if (auto status = core_->CheckOpen("relay delayed messages"); !status.ok()) return status;
  core_->relay_.Start();
  return absl::OkStatus();
}

absl::StatusOr<SubscriptionId> EventBus::Subscribe(std::string_view topic, SubscribeOptions options,
                                                   MessageHandler handler) {
  if (auto status = core_->CheckSubscription(topic, handler, options); !status.ok()) return status;
  auto make = [this, options = std::move(options),
               shared = std::make_shared<const MessageHandler>(std::move(handler))](std::string_view each) {
    return absl::StatusOr<eventbus::SubscriptionSpec>(eventbus::MessageSubscription({each, this}, options, shared));
  };
  return core_->topics_.Subscribe(topic, Storage::kMemory, std::move(make));
}

absl::StatusOr<SubscriptionId> EventBus::SubscribeEnvelope(std::string_view topic, EnvelopeSubscribeOptions options,
                                                           EnvelopeHandler handler) {
  if (auto status = core_->CheckSubscription(topic, handler, options); !status.ok()) return status;
  handler = eventbus::WithMiddleware(std::move(handler), core_->options_.middleware, options.middleware);
  const std::vector<std::string> classes = options.priority_classes;
  auto make = [this, options = std::move(options), topic = std::string(topic),
               shared = std::make_shared<const EnvelopeHandler>(std::move(handler))](std::string_view each) {
    return core_->EnvelopeSpec({each, this}, options, shared, options.priority_classes.empty() ? each : topic);
  };
  return core_->topics_.Subscribe(topic, Storage::kFile, std::move(make), classes);
}

absl::StatusOr<Reader> EventBus::Read(std::string_view topic, ReaderOptions options) {
  if (auto status = core_->topics_.CheckTopics("read", topic); !status.ok()) return status;
  if (auto status = eventbus::CheckOptions(options); !status.ok()) return status;
  if (auto status = core_->CheckOpen("read"); !status.ok()) return status;
  return core_->topics_.Read(topic, std::move(options));
}

absl::Status EventBus::Unsubscribe(SubscriptionId id) { return core_->topics_.Unsubscribe(id); }

DrainReport EventBus::Drain(std::chrono::milliseconds timeout) {
  if (eventbus::IsInHandler()) {
    return {absl::FailedPreconditionError(
        "drain: called from a handler, which it would have to wait for; call it elsewhere")};
  }
  if (timeout.count() < 0) return {absl::InvalidArgumentError("drain: the timeout is negative; give 0 or more")};
  return core_->Shut(DeadlineAfter(timeout));
}

void EventBus::Close() {
  if (eventbus::IsInHandler()) {
    if (core_->options_.log) core_->options_.log(LogLevel::kError, "close: ignored, since a handler called it");
    return;
  }
  core_->Shut(std::nullopt);
}

absl::StatusOr<std::unique_ptr<penstock::Bucket>> EventBus::Bucket(std::string_view name, const BucketOptions& options,
                                                                   const BucketCallOptions& call) {
  const std::string what = absl::StrFormat("open bucket %s", eventbus::Quoted(name));
  if (auto status = core_->CheckOpen(what); !status.ok()) return status;
  absl::StatusOr<eventbus::CallLimit> limit = eventbus::LimitOf(call.timeout, call.stop);
  if (!limit.ok()) return eventbus::Prefixed(what, limit.status());
  auto store = core_->transport_->OpenBucket({std::string(name), options}, *limit);
  if (!store.ok()) return store.status();
  return std::make_unique<penstock::Bucket>(*std::move(store));
}

absl::StatusOr<Result> EventBus::AwaitResult(std::string_view topic, std::string_view durable,
                                             std::string_view event_id, std::chrono::milliseconds timeout,
                                             const ResultOptions& options) {
  auto status = eventbus::CheckTopic("await a result of", topic, core_->options_.base_stream_name);
  if (status.ok()) status = eventbus::CheckName("durable", durable);
  if (status.ok()) status = core_->CheckOpen("await a result");
  if (!status.ok()) return status;
  return core_->results_.Await(*this, topic, durable, event_id, timeout, options);
}

Executor EventBus::executor() const { return Executor(core_->executor_); }
DeadLetters& EventBus::dead_letters() const { return *core_->dead_letters_; }
BusStats EventBus::Stats() const { return core_->Stats(); }
bool EventBus::connected() const { return core_->transport_->connected(); }
const BusOptions& EventBus::options() const { return core_->options_; }
bool EventBus::InHandler() const { return eventbus::IsInHandlerOf(*this); }

}  // namespace penstock
