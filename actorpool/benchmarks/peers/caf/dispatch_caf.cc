// SPDX-License-Identifier: Apache-2.0
// CAF 0.17: one event-based actor per inbox, on the work-stealing scheduler. CAF cannot bound a mailbox, and 64
// producers leave nearly every message waiting in memory, so what is on its way is bounded from outside, as CAF's own
// streams do it: senders spend credit in batches and actors give a batch back for each one handled. The bound is actors
// * inbox in all, not inbox for each. An actor whose handler throws is gone for good, and its mailbox with it.
#include <algorithm>
#include <caf/all.hpp>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// A message is its key, borrowed: nothing cheaper can be sent.
struct Note {
  std::string_view key;
};
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(Note)

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kKeys = 512;
constexpr std::chrono::minutes kPatience{5};
constexpr const char* kHelp =
    "--messages N   messages in all (5000000)\n"
    "--actors N     event-based actors (256)\n"
    "--inbox N      messages on their way for each actor on average; CAF's mailboxes have no bound (1000)\n"
    "--producers N  threads that send (1)\n"
    "--workers N    threads of CAF's scheduler (2)\n";

struct Options {
  std::size_t messages = 5'000'000;
  std::size_t actors = 256;
  std::size_t inbox = 1000;
  std::size_t producers = 1;
  std::size_t workers = 2;
};

/// Sets the option called `name`; false when there is none or `value` does not fit.
bool Set(Options& options, std::string_view name, std::string_view value) {
  const std::map<std::string_view, std::size_t*> fields = {{"--messages", &options.messages},
                                                           {"--actors", &options.actors},
                                                           {"--inbox", &options.inbox},
                                                           {"--producers", &options.producers},
                                                           {"--workers", &options.workers}};
  const auto field = fields.find(name);
  if (field == fields.end()) return false;
  const char* end = value.data() + value.size();
  const auto [parsed, error] = std::from_chars(value.data(), end, *field->second);
  return error == std::errc() && parsed == end && *field->second > 0;
}

/// A count that can be waited for.
class Credit {
 public:
  explicit Credit(std::size_t units) : units_(units) {}

  void Give() {
    {
      std::lock_guard lock(mutex_);
      ++units_;
    }
    given_.notify_one();
  }

  /// False: none was given within kPatience.
  bool Take() {
    std::unique_lock lock(mutex_);
    if (!given_.wait_for(lock, kPatience, [this] { return units_ > 0; })) return false;
    --units_;
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::size_t units_;
};

/// The counts of one actor: messages to handle, and handled. Only its actor writes it while messages are on their way.
struct alignas(64) Tally {
  std::size_t expected = 0;
  std::size_t handled = 0;
};

/// The messages: 512 keys in turn, and the actor each belongs to.
class Load {
 public:
  explicit Load(const Options& options) : options_(options) {
    for (std::size_t i = 0; i < kKeys; ++i) keys_.push_back("package-" + std::to_string(i * 7919));
  }

  std::string_view key(std::size_t message) const { return keys_[message % kKeys]; }

  /// The key is hashed anew for every message.
  std::size_t ActorOf(std::string_view key) const {
    return ((std::hash<std::string_view>{}(key) >> 32) * options_.actors) >> 32;
  }

  /// How many messages `producer` sends.
  std::size_t Share(std::size_t producer) const {
    return options_.messages / options_.producers + (producer < options_.messages % options_.producers ? 1 : 0);
  }

  std::vector<Tally> Tallies() const {
    std::vector<Tally> tallies(options_.actors);
    for (std::size_t producer = 0; producer < options_.producers; ++producer) {
      const std::size_t share = Share(producer);
      for (std::size_t i = 0; i < kKeys; ++i) {
        tallies[ActorOf(keys_[i])].expected += share / kKeys + (i < share % kKeys ? 1 : 0);
      }
    }
    return tallies;
  }

 private:
  Options options_;
  std::vector<std::string> keys_;
};

/// An actor: counts, gives credit back for each `batch`, and tells when it has handled all it had to.
caf::behavior Count(caf::event_based_actor*, Tally* tally, std::size_t batch, Credit* credit, Credit* done) {
  return {[=](const Note&) {
    if (++tally->handled % batch == 0) credit->Give();
    if (tally->handled == tally->expected) done->Give();
  }};
}

void Produce(const Load& load, std::size_t share, std::size_t batch, const std::vector<caf::actor>& actors,
             Credit& credit) {
  for (std::size_t message = 0; message < share; ++message) {
    if (message % batch == 0 && !credit.Take()) return;
    const std::string_view key = load.key(message);
    caf::anon_send(actors[load.ActorOf(key)], Note{key});
  }
  if (share % batch != 0) credit.Give();
}

/// Seconds from the first message sent to the last one handled; nothing when messages did not arrive.
std::optional<double> Measure(caf::actor_system& system, const Options& options, const Load& load,
                              std::vector<Tally>& tallies, Credit& credit, Credit& done) {
  // Actors hold back less than a batch each, so an eighth keeps the greater part of the credit moving.
  const std::size_t batch = std::max<std::size_t>(options.inbox / 8, 1);
  std::vector<caf::actor> actors;
  for (Tally& tally : tallies) actors.push_back(system.spawn(Count, &tally, batch, &credit, &done));
  auto busy = std::count_if(tallies.begin(), tallies.end(), [](const Tally& tally) { return tally.expected > 0; });
  const auto started = Clock::now();
  std::vector<std::jthread> producers;
  for (std::size_t producer = 0; producer < options.producers; ++producer) {
    producers.emplace_back([&, share = load.Share(producer)] { Produce(load, share, batch, actors, credit); });
  }
  while (busy > 0 && done.Take()) --busy;
  if (busy > 0) return std::nullopt;
  return std::chrono::duration<double>(Clock::now() - started).count();
}

int Fail(int code, const std::string& cause) {
  std::fprintf(stderr, "%s\n", cause.c_str());
  return code;
}

int Run(const Options& options) {
  const Load load(options);
  std::vector<Tally> tallies = load.Tallies();
  Credit credit(options.actors * options.inbox / std::max<std::size_t>(options.inbox / 8, 1));
  Credit done(0);
  std::optional<double> seconds;
  {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", options.workers);
    caf::actor_system system(config);
    seconds = Measure(system, options, load, tallies, credit, done);
  }  // ends when every actor has, so the tallies hold still
  const bool exact =
      std::all_of(tallies.begin(), tallies.end(), [](const Tally& tally) { return tally.handled == tally.expected; });
  if (!seconds || !exact) return Fail(1, "check the actors: messages were lost or handled twice");
  std::printf("{\"messages\":%zu,\"seconds\":%.6f}\n", options.messages, *seconds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help") return std::fputs(kHelp, stdout) < 0 ? 1 : 0;
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (!Set(options, name, value)) {
      return Fail(2, "read the command line: \"" + name + " " + value + "\" does not fit; see --help");
    }
  }
  return Run(options);
} catch (const std::exception& cause) {
  return Fail(1, std::string("run the actors: ") + cause.what());
}
