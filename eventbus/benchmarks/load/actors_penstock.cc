// SPDX-License-Identifier: Apache-2.0
// How many messages a second one process sends to a named actor and another one handles. Fails when a message is
// missing or handled twice, or one of a key before its predecessor.
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/load/load_bus.h"
#include "penstock/eventbus/actor.h"
#include "penstock/eventbus/json_codec.h"

namespace penstock::benchmarks {
namespace {

struct Parcel {
  std::uint64_t number = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Parcel, number)

}  // namespace
}  // namespace penstock::benchmarks

template <>
struct penstock::Codec<penstock::benchmarks::Parcel> : penstock::JsonCodec<penstock::benchmarks::Parcel> {
  static std::string Type() { return "Parcel"; }
};

namespace penstock::benchmarks {
namespace {

constexpr std::uint64_t kKeys = 1000;

struct Settings {
  BusSettings bus{};
  std::size_t senders = 16;
};

Actor<Parcel> ActorOfParcels() { return Actor<Parcel>("parcels"); }

/// The number of the next message of each key. Message n is of key n % kKeys.
class Arrivals {
 public:
  Arrivals() : next_(kKeys) {
    for (std::uint64_t key = 0; key < kKeys; ++key) next_[key].store(key, std::memory_order_relaxed);
  }

  void Come(std::uint64_t number) {
    if (next_[number % kKeys].fetch_add(kKeys, std::memory_order_relaxed) != number)
      disorder_.fetch_add(1, std::memory_order_relaxed);
    handled_.fetch_add(1, std::memory_order_release);
  }
  std::uint64_t handled() const { return handled_.load(std::memory_order_acquire); }
  absl::Status Check() const {
    const std::uint64_t disorder = disorder_.load(std::memory_order_relaxed);
    if (disorder == 0) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("actors: ", disorder, " messages came twice or not in their turn"));
  }

 private:
  std::vector<std::atomic<std::uint64_t>> next_;
  std::atomic<std::uint64_t> handled_{0}, disorder_{0};  // relaxed: read once all have come
};

/// Each sender has keys of its own, so that the messages of a key are sent in order.
absl::Status Send(EventBus& bus, const Settings& settings) {
  const Actor<Parcel> actor = ActorOfParcels();
  std::vector<absl::Status> ends(settings.senders);
  const auto send = [&](std::size_t sender) {
    for (std::uint64_t number = 0; number < settings.bus.target.messages && ends[sender].ok(); ++number) {
      const std::uint64_t key = number % kKeys;
      if (key % settings.senders != sender) continue;
      ends[sender] = actor.Send(bus, {.number = number}, {.key = absl::StrCat("aggregate-", key)}).status();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t sender = 0; sender < settings.senders; ++sender) threads.emplace_back(send, sender);
  }
  absl::Status sent;
  for (const absl::Status& end : ends) sent.Update(end);
  return sent;
}

/// Hosts the actor in the process that it is forked into, and says when it is ready and how it ended.
class Host {
 public:
  explicit Host(const Settings& settings) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    said_ = ends[0];
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ != 0) {
      close(ends[1]);
      return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) Run(settings, ends[1]);
    _exit(0);
  }
  ~Host() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
    close(said_);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Waits for its next word; an error is what ended it.
  absl::Status Await() const {
    std::string word;
    for (char next = 0; read(said_, &next, 1) == 1 && next != '\n';) word.push_back(next);
    return word == kGood ? absl::OkStatus() : absl::DataLossError(word.empty() ? "actors: the host has ended" : word);
  }
  /// Waits until its acknowledgements are stored, for the next run on this server, and it has ended.
  void Join() { waitpid(std::exchange(process_, 0), nullptr, 0); }

 private:
  static constexpr const char* kGood = "good";

  static void Say(int to, const absl::Status& status) {
    const std::string word = (status.ok() ? kGood : std::string(status.message())) + "\n";
    if (write(to, word.data(), word.size()) < 0) _exit(1);
  }

  static void Run(const Settings& settings, int say) {
    Arrivals arrivals;
    const auto bus = ConnectBus(settings.bus);
    if (!bus.ok()) return Say(say, bus.status());
    const auto hosted = ActorOfParcels().Host(**bus, [&arrivals](const Parcel& parcel) {
      arrivals.Come(parcel.number);
      return Ack();
    });
    Say(say, hosted.status());
    absl::Status all = AwaitCount("actors", settings.bus.target.messages, [&] { return arrivals.handled(); });
    Say(say, all.ok() ? arrivals.Check() : all);
    (*bus)->Drain(std::chrono::seconds(10));
  }

  int said_ = -1;
  pid_t process_ = -1;
};

absl::StatusOr<Result> Measure(const Settings& settings) {
  Host host(settings);  // before this process has threads
  if (absl::Status ready = host.Await(); !ready.ok()) return ready;
  const auto bus = ConnectBus(settings.bus);
  if (!bus.ok()) return bus.status();
  const auto began = Clock::now();
  absl::Status done = Send(**bus, settings);
  if (done.ok()) done = host.Await();
  if (!done.ok()) return done;
  const auto elapsed = Clock::now() - began;
  host.Join();
  return Result{.messages = settings.bus.target.messages, .elapsed = elapsed};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("how many messages to an actor are sent and handled a second", "actors_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.add_option("--senders", settings.senders, "threads that send")->check(CLI::Range(1, 1000));
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Measure(settings); });
}
