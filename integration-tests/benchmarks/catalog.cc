// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/catalog.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "benchmarks/task_contests.h"

namespace penstock::bench {
namespace {

using Arguments = std::vector<std::string>;

constexpr int kHandlersAtOnce = 256;
constexpr double kHandlerSeconds = 0.005;

/// Picks the size of the work.
class Scale {
 public:
  explicit Scale(Effort effort) : effort_(effort) {}
  std::uint64_t operator()(std::uint64_t full, std::uint64_t quick) const {
    return effort_ == Effort::kFull ? full : quick;
  }

 private:
  Effort effort_;
};

/// All sides of a contest that consumes the same filled stream.
Contest Consuming(std::string row, std::uint64_t messages, Side ours, std::vector<Side> peers) {
  Contest contest = {.rows = {{.name = std::move(row)}}, .ours = std::move(ours), .peers = std::move(peers)};
  contest.ours.ground = Ground::kFilledStream;
  contest.ours.size = messages;
  for (Side& peer : contest.peers) {
    peer.ground = Ground::kFilledStream;
    peer.size = messages;
  }
  return contest;
}

Side ConsumePenstock(Arguments arguments) {
  return {.name = "penstock", .program = "load/consume_penstock", .arguments = std::move(arguments)};
}

Side RawConsume(std::string name, std::string mode) {
  return {.name = std::move(name), .program = "peers/raw_consume", .arguments = {"--mode", std::move(mode)}};
}

Contest ConsumeExplicit(const Scale& scale) {
  return Consuming("jetstream_consume_explicit", scale(500'000, 100'000), ConsumePenstock({"--mode", "explicit"}),
                   {RawConsume("nats.c js_Subscribe", "subscribe"),
                    RawConsume("nats.c own inbox", "inbox"),
                    {.name = "nats.go pull", .program = "peers/consume_natsgo"},
                    {.name = "nats.go push", .program = "peers/consume_natsgo", .arguments = {"--mode", "push"}},
                    {.name = "watermill", .program = "peers/consume_watermill"}});
}

Contest ConsumeCumulative(const Scale& scale) {
  return Consuming(
      "jetstream_consume_cumulative", scale(500'000, 100'000), ConsumePenstock({"--mode", "cumulative"}),
      {RawConsume("nats.c js_Subscribe", "subscribe"), RawConsume("nats.c own inbox, ack all", "cumulative")});
}

Contest ConsumeAtMostOnce(const Scale& scale) {
  return Consuming("jetstream_consume_at_most_once", scale(500'000, 100'000),
                   ConsumePenstock({"--mode", "at-most-once"}),
                   {RawConsume("nats.c pull, no acks", "none-pull"), RawConsume("nats.c push, no acks", "none-push")});
}

Contest Publishing(std::vector<Row> rows, const std::string& mode, const std::string& peer, std::uint64_t messages) {
  const Arguments arguments = {"--mode", mode};
  return {.rows = std::move(rows),
          .ours = {.name = "penstock",
                   .program = "load/publish_penstock",
                   .arguments = arguments,
                   .size = messages,
                   .ground = Ground::kFreshStream},
          .peers = {{.name = peer,
                     .program = "peers/raw_publish",
                     .arguments = arguments,
                     .size = messages,
                     .ground = Ground::kFreshStream}}};
}

Side EndToEndSide(const Scale& scale, std::string name, std::string program, Arguments arguments) {
  arguments.insert(arguments.end(), {"--warm-up", "0.5"});
  return {.name = std::move(name),
          .program = std::move(program),
          .arguments = std::move(arguments),
          .size = scale(5, 1),
          .size_option = "--seconds",
          .ground = Ground::kFreshStream};
}

Contest EndToEnd(const Scale& scale) {
  const std::string ours = "load/end_to_end_penstock";
  const std::string raw = "peers/raw_end_to_end";
  const Side calibration = {.name = "calibration",
                            .program = ours,
                            .arguments = {"--rate", "0", "--warm-up", "0", "--seconds", "0.5"},
                            .size_option = "",
                            .ground = Ground::kFreshStream};
  return {
      .rows = {{.name = "end_to_end_p50", .figure = Figure::kP50}, {.name = "end_to_end_p99", .figure = Figure::kP99}},
      .ours = EndToEndSide(scale, "penstock", ours, {"--rate", "{rate}"}),
      .peers = {EndToEndSide(scale, "nats.c", raw, {"--rate", "{rate}"}),
                EndToEndSide(scale, "nats.c, writes gathered", raw, {"--rate", "{rate}", "--gather"})},
      .calibration = calibration};
}

std::vector<Contest> OverJetStream(const Scale& scale) {
  return {ConsumeExplicit(scale),
          ConsumeCumulative(scale),
          ConsumeAtMostOnce(scale),
          Publishing({{.name = "publish_async"}}, "async", "nats.c js_PublishMsgAsync", scale(300'000, 60'000)),
          Publishing({{.name = "publish_sync_latency", .figure = Figure::kP50},
                      {.name = "publish_sync_latency_p99", .figure = Figure::kP99}},
                     "sync", "nats.c js_PublishMsg", scale(20'000, 4000)),
          EndToEnd(scale)};
}

/// The same work over TLS, beside the first peer, which is nats.c.
Contest OverTls(Contest contest) {
  for (Row& row : contest.rows) row.name += "_tls";
  contest.peers.resize(1);
  contest.tls = true;
  return contest;
}

std::vector<Side> Dispatchers(const std::string& producers) {
  const Arguments two = {"--producers", producers, "--workers", "2"};
  return {{.name = "CAF", .program = "peers/dispatch_caf", .arguments = two},
          {.name = "tokio", .program = "peers/dispatch_tokio", .arguments = two},
          {.name = "tokio (1 worker)",
           .program = "peers/dispatch_tokio",
           .arguments = {"--producers", producers, "--workers", "1"}},
          {.name = "crossbeam", .program = "peers/dispatch_crossbeam", .arguments = two},
          {.name = "flume", .program = "peers/dispatch_flume", .arguments = two},
          {.name = "Hollywood", .program = "peers/dispatch_hollywood", .arguments = two},
          {.name = "goroutines", .program = "peers/dispatch_goroutines", .arguments = two}};
}

Side DispatchPenstock(std::string name, const std::string& producers) {
  return {.name = std::move(name),
          .program = "load/dispatch_penstock",
          .arguments = {"--producers", producers, "--workers", "2"}};
}

Contest Dispatching(std::string row, const Scale& scale, Side ours, std::vector<Side> peers) {
  Contest contest = {.rows = {{.name = std::move(row)}}, .ours = std::move(ours), .peers = std::move(peers)};
  contest.ours.size = scale(5'000'000, 1'000'000);
  for (Side& peer : contest.peers) peer.size = contest.ours.size;
  return contest;
}

Contest ManyProducers(const Scale& scale) {
  std::vector<Side> peers = Dispatchers("64");
  peers.insert(peers.begin(), DispatchPenstock("penstock, 1 producer", "1"));
  return Dispatching("dispatch_64_producers", scale, DispatchPenstock("penstock", "64"), std::move(peers));
}

Side StreamsPenstock(std::string name, Arguments arguments) {
  arguments.insert(arguments.end(), {"--workers", "2"});
  return {.name = std::move(name), .program = "load/streams_penstock", .arguments = std::move(arguments)};
}

/// Messages by the ID of their stream, beside the same pool's messages by key.
Contest DispatchingToStreams(const Scale& scale) {
  return Dispatching(
      "streams", scale, StreamsPenstock("penstock", {"--streams", "10000"}),
      {StreamsPenstock("penstock, 512 streams", {"--streams", "512"}), DispatchPenstock("penstock, 512 keys", "1")});
}

/// The latency of 10,000 streams beside one more that sleeps for 5 s a message, and without it.
Contest OneStreamSleeps(const Scale& scale) {
  const Arguments arguments = {"--streams", "10000", "--rate", "20000"};
  Contest contest = {.rows = {{.name = "streams_one_sleeps_p50", .figure = Figure::kP50},
                              {.name = "streams_one_sleeps_p99", .figure = Figure::kP99}},
                     .ours = StreamsPenstock("penstock, one sleeps", arguments),
                     .peers = {StreamsPenstock("penstock, none sleeps", arguments)}};
  contest.ours.arguments.emplace_back("--sleeping");
  for (Side* side : {&contest.ours, &contest.peers[0]}) {
    side->size = scale(10, 2);
    side->size_option = "--seconds";
  }
  return contest;
}

Contest MetricsOverhead(const Scale& scale) {
  const Arguments arguments = {"--mode", "explicit"};
  return Consuming(
      "metrics_overhead", scale(500'000, 200'000),
      {.name = "penstock, scraped every second", .program = "load/consume_with_metrics", .arguments = arguments},
      {{.name = "penstock, metrics off", .program = "load/consume_penstock", .arguments = arguments}});
}

// As many workers as there are handlers at once. With 256 actors too, the one that hashing gives the most aggregates,
// some eleven of the thousand, decides the rate; with more actors than workers it does not.
Side SlowPenstock(std::string name, const char* actors) {
  Side side = ConsumePenstock({"--mode", "explicit", "--handler-us", "5000"});
  side.name = std::move(name);
  side.arguments.insert(side.arguments.end(), {"--actors", actors, "--workers", std::to_string(kHandlersAtOnce)});
  return side;
}

Contest SlowHandlers(const Scale& scale) {
  Contest contest =
      Consuming("slow_handlers", scale(100'000, 20'000), SlowPenstock("penstock", "4096"),
                {SlowPenstock("penstock, 256 actors", "256"),
                 {.name = "nats.go pull", .program = "peers/consume_natsgo", .arguments = {"--handler-us", "5000"}}});
  contest.peers.push_back({.name = "jxt-core",
                           .program = "peers/consume_jxt",
                           .arguments = {"--keys", "1000", "--handler-us", "5000"},
                           .size = scale(2000, 500),
                           .ground = Ground::kFreshStream});
  contest.ideal = {.name = "ideal", .messages_per_second = kHandlersAtOnce / kHandlerSeconds};
  return contest;
}

Contest Growing(std::string row, std::uint64_t messages, Arguments fill, Arguments consume = {}) {
  consume.insert(consume.begin(), {"--mode", "explicit"});
  Contest contest = Consuming(std::move(row), messages, ConsumePenstock(std::move(consume)),
                              {RawConsume("nats.c js_Subscribe", "subscribe")});
  contest.fill = std::move(fill);
  return contest;
}

std::vector<Contest> GrowingPayloads() {
  constexpr std::uint64_t kEnvelope = 100;  // what an envelope adds, about
  constexpr std::uint64_t kBytes = 512 << 20;
  // The server cuts a connection off when more than 64 MiB wait for it.
  constexpr std::uint64_t kBytesInFlight = 32 << 20;
  std::vector<Contest> contests;
  for (std::uint64_t payload = 64; payload <= 65'536; payload *= 4) {
    const std::uint64_t body = payload + kEnvelope;
    contests.push_back(Growing("payload_" + std::to_string(payload), std::min<std::uint64_t>(200'000, kBytes / body),
                               {"--payload", std::to_string(body)}));
    const std::uint64_t window = std::min<std::uint64_t>(4096, kBytesInFlight / body);
    for (Side& peer : contests.back().peers)
      peer.arguments.insert(peer.arguments.end(), {"--window", std::to_string(window)});
  }
  return contests;
}

std::vector<Contest> GrowingKeys() {
  std::vector<Contest> contests;
  const auto grow = [&contests](const char* name, const std::string& keys, Arguments fill) {
    fill.insert(fill.end(), {"--keys", keys});
    contests.push_back(Growing(name + keys, 300'000, std::move(fill), {"--keys", keys}));
  };
  for (const char* const keys : {"1", "100", "10000", "1000000"}) grow("uniform_keys_", keys, {});
  for (const char* const keys : {"100", "10000", "1000000"}) grow("zipf_keys_", keys, {"--zipf", "1"});
  return contests;
}

std::vector<Contest> GrowingActors() {
  std::vector<Contest> contests;
  for (const char* const actors : {"1", "16", "256", "4096"})
    contests.push_back(Growing(std::string("actors_") + actors, 300'000, {}, {"--actors", actors}));
  return contests;
}

Side SubscribePenstock(std::string name, std::string subscriptions) {
  return {.name = std::move(name),
          .program = "load/subscriptions_penstock",
          .arguments = {"--subscriptions", std::move(subscriptions)},
          .size = 300'000,
          .ground = Ground::kFreshStream};
}

/// The same events through one subscription and through many; the first row shows what is noise.
std::vector<Contest> GrowingSubscriptions() {
  std::vector<Contest> contests;
  for (const std::string subscriptions : {"1", "10", "50", "200"}) {
    contests.push_back({.rows = {{.name = "subscriptions_" + subscriptions},
                                 {.name = "subscribe_call_" + subscriptions, .figure = Figure::kP50}},
                        .ours = SubscribePenstock("penstock", subscriptions),
                        .peers = {SubscribePenstock("penstock, 1 subscription", "1")}});
  }
  return contests;
}

Side FanOutPenstock(std::string name, std::string subscribers) {
  return {.name = std::move(name),
          .program = "load/fan_out_penstock",
          .arguments = {"--subscribers", std::move(subscribers)},
          .size = 1'000'000};
}

/// The same number of deliveries, to many subscribers of one process and to one. On the embedded bus.
Contest FanOut() {
  return {.rows = {{.name = "fan_out"}},
          .ours = FanOutPenstock("penstock", "10000"),
          .peers = {FanOutPenstock("penstock, 1 subscriber", "1")}};
}

/// From the last event that an owner handles, which drains, to the first that its standby does. No peer has a standby.
Contest HandOver() {
  return {
      .rows = {{.name = "hand_over", .figure = Figure::kP50}, {.name = "hand_over_p99", .figure = Figure::kP99}},
      .ours = {.name = "penstock", .program = "load/hand_over_penstock", .size = 200, .ground = Ground::kFreshStream}};
}

/// How late 100,000 envelopes are handled whose delays are 0.1 to 60 s. No peer keeps them in JetStream.
Contest Delay() {
  return {
      .rows = {{.name = "delay", .figure = Figure::kP50}, {.name = "delay_p99", .figure = Figure::kP99}},
      .ours = {.name = "penstock", .program = "load/delay_penstock", .size = 100'000, .ground = Ground::kFreshStream}};
}

/// The things that are kept in memory, each by itself.
Contest Footprints() {
  return {
      .rows = {{.name = "idle_actor", .figure = Figure::kBytesPerIdleActor},
               {.name = "idle_subscription", .figure = Figure::kBytesPerIdleSubscription},
               {.name = "idle_key", .figure = Figure::kBytesPerIdleKey},
               {.name = "message_seen", .figure = Figure::kBytesPerMessageSeen}},
      .ours = {
          .name = "penstock", .program = "load/memory_penstock", .size = 1'000'000, .ground = Ground::kFreshStream}};
}

}  // namespace

std::vector<Contest> AllContests(Effort effort) {
  const Scale scale(effort);
  std::vector<Contest> contests = OverJetStream(scale);
  std::ranges::transform(OverJetStream(scale), std::back_inserter(contests), OverTls);
  contests.push_back(Dispatching("dispatch_256", scale, DispatchPenstock("penstock", "1"), Dispatchers("1")));
  contests.push_back(ManyProducers(scale));
  contests.push_back(DispatchingToStreams(scale));
  contests.push_back(OneStreamSleeps(scale));
  contests.push_back(MetricsOverhead(scale));
  contests.push_back(SlowHandlers(scale));
  return contests;
}

ContestTables ScaleContests() {
  return {{"payload", GrowingPayloads()}, {"keys", GrowingKeys()},
          {"actors", GrowingActors()},    {"subscriptions", GrowingSubscriptions()},
          {"fan_out", {FanOut()}},        {"hand_over", {HandOver()}},
          {"delay", {Delay()}},           {"memory", {Footprints()}},
          {"tasks", TaskContests()}};
}

std::vector<Contest> Only(const std::vector<std::string>& names, std::vector<Contest> contests) {
  if (names.empty()) return contests;
  for (Contest& contest : contests)
    std::erase_if(contest.rows, [&](const Row& row) { return std::ranges::find(names, row.name) == names.end(); });
  std::erase_if(contests, [](const Contest& contest) { return contest.rows.empty(); });
  return contests;
}

ContestTables Only(const std::vector<std::string>& names, ContestTables tables) {
  for (auto& [table, contests] : tables) contests = Only(names, std::move(contests));
  std::erase_if(tables, [](const auto& table) { return table.second.empty(); });
  return tables;
}

std::vector<Contest> Against(const std::filesystem::path& build, std::vector<Contest> contests) {
  for (Contest& contest : contests) {
    Side other = contest.ours;
    other.name += ", other build";
    other.program = std::filesystem::absolute(build) / "bin/benchmarks" / other.program;
    contest.peers = {std::move(other)};
    contest.ideal.reset();
  }
  return contests;
}

}  // namespace penstock::bench
