// SPDX-License-Identifier: Apache-2.0
#include "simulation/world.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

World::World(std::uint64_t seed, std::ostream* trace)
    : scenario_(DrawScenario(seed)),
      trace_(event_queue_, trace),
      ledger_(scenario_, trace_),
      random_(seed ^ 0x5eed),
      network_(scenario_, event_queue_, Random(random_.Next()), ledger_, trace_),
      members_(scenario_.members, nullptr),
      redrives_left_(scenario_.redrives) {
  if (scenario_.delays()) DelayEvents();
  if (scenario_.cancels()) {
    cancels_ = std::make_unique<CancelBucket>(scenario_, conditions_, event_queue_, Random(scenario_.seed ^ 0xca11),
                                              network_, ledger_, trace_);
  }
}

void World::DelayEvents() {
  const auto draws = [this](std::uint64_t salt) { return Random(scenario_.seed ^ salt); };
  delayed_ = std::make_unique<DelayedStream>(conditions_, event_queue_, draws(0xde1a), network_, ledger_, trace_);
  delays_ = std::make_unique<DelayChecker>(*delayed_, ledger_);
  delayed_load_ = std::make_unique<DelayedLoad>(scenario_, conditions_, event_queue_, draws(0x10ad), ledger_, trace_,
                                                *delayed_, *delays_);
}

Report World::Run() {
  Report report;
  try {
    for (std::size_t member = 0; member < members_.size(); ++member) Launch(member);
    if (delayed_load_) delayed_load_->Begin();
    Publish();
    Upkeep();
    if (scenario_.has_faults()) ScheduleFault();
    while (!over_ && event_queue_.Step()) {
    }
  } catch (Violation& violation) {
    report.violation = std::move(violation);
  }
  report.events = published_;
  report.faults = faults_;
  report.reruns = ledger_.reruns();
  return report;
}

// Load.

void World::Publish() {
  PublishOne();
  if (published_ < scenario_.events) {
    event_queue_.After(random_.Between(microseconds{0}, 2 * scenario_.publish_pause), [this] { Publish(); });
    return;
  }
  const auto rest = scenario_.has_faults() ? random_.Between(microseconds{0}, seconds{3}) : microseconds{0};
  event_queue_.After(rest, [this] { CalmDown(); });
}

void World::PublishOne() {
  ++published_;
  const bool hot = scenario_.hot_key && random_.PerMille(500);
  std::uint64_t key = hot ? 1 : random_.From(1, scenario_.keys);
  if (random_.PerMille(scenario_.unkeyed_per_mille)) key = 0;
  const std::size_t event = ledger_.NewEvent(key, random_.PerMille(scenario_.poison_per_mille));
  const std::size_t bytes = random_.From(scenario_.smallest, scenario_.largest);
  if (scenario_.expires_per_mille > 0 && random_.PerMille(scenario_.expires_per_mille))
    ledger_.Expires(event, event_queue_.now() + random_.Skewed(milliseconds{1}, seconds{3}));
  if (cancels_) cancels_->Published(event);
  if (delayed_load_ && random_.PerMille(scenario_.delayed_per_mille)) return delayed_load_->Publish(event, bytes);
  network_.Publish({.event = event, .bytes = bytes});
  const bool may = key != 0 && scenario_.stored_twice_per_mille > 0;
  if (may && random_.PerMille(scenario_.stored_twice_per_mille)) StoreTwice(event, bytes);
}

// As a publisher's second try, after the leader of the stream has changed.
void World::StoreTwice(std::size_t event, std::size_t bytes) {
  const std::uint64_t generation = network_.stream_generation();
  event_queue_.After(random_.Skewed(microseconds{1}, seconds{2}), [this, event, bytes, generation] {
    if (conditions_.calm || generation != network_.stream_generation()) return;
    trace_.Note("stored twice, event", event);
    network_.Publish({.event = event, .bytes = bytes});
  });
}

// Does the server's periodic work, and checks whether all goes well.
void World::Upkeep() {
  CheckLeases(network_.Expire());
  for (Process* process : members_) {
    if (process != nullptr && !process->gone()) process->consumer().Tick();
  }
  if (++upkeeps_ % kLooksPerHeartbeat == 0) network_.Heartbeat();
  event_queue_.After(kLookEvery, [this] { Upkeep(); });
}

// A lease lapses only where the process could not keep it, or had given the handler up.
void World::CheckLeases(const std::vector<std::uint64_t>& expired) {
  for (const std::uint64_t sequence : expired) {
    for (const Process* process : members_) {
      if (process == nullptr || process->gone() || !process->invariants().Holds(sequence)) continue;
      const ModelConsumer& consumer = const_cast<Process*>(process)->consumer();
      const TimePoint since = consumer.undisturbed_since();
      if (since == TimePoint::max() || event_queue_.now() - since <= scenario_.flow.ack_wait) continue;
      if (!consumer.MayAnswer(sequence)) continue;
      ledger_.Require(process->invariants().HasGivenUp(sequence), "lease", "the lease of a message in hand lapsed",
                      sequence);
    }
  }
}

// Processes.

void World::Launch(std::size_t member) {
  const int number = static_cast<int>(processes_.size()) + 1;
  processes_.push_back(
      std::make_unique<Process>(Process::Surroundings{scenario_, conditions_, event_queue_, network_, ledger_, trace_,
                                                      delayed_.get(), delays_.get(), cancels_.get()},
                                Random(random_.Next()), number));
  members_[member] = processes_.back().get();
}

Process* World::AnyProcess() {
  Process* const process = members_[random_.Below(members_.size())];
  return process == nullptr || process->gone() || process->draining() ? nullptr : process;
}

// Operators.

void World::Redrive(bool everything) {
  std::vector<std::pair<std::uint64_t, Letter>> letters(ledger_.letters().begin(), ledger_.letters().end());
  std::sort(letters.begin(), letters.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.origin, a.first) < std::pair(b.second.origin, b.first);
  });
  for (const auto& [sequence, letter] : letters) {
    if (!everything && random_.PerMille(200)) continue;
    const bool for_other_consumer = !everything && random_.PerMille(20);
    if (!for_other_consumer && !redriven_.insert(sequence).second) continue;
    trace_.Note("redriven, letter", sequence, "event", letter.event);
    network_.Publish({.event = letter.event,
                      .origin = letter.origin,
                      .letter = sequence,
                      .for_other_consumer = for_other_consumer,
                      .bytes = random_.From(scenario_.smallest, scenario_.largest)});
  }
  if (random_.PerMille(300)) redriven_.clear();
}

// The end.

void World::CalmDown() {
  trace_.Note("calm");
  conditions_ = {.calm = true};
  calm_since_ = event_queue_.now();
  progress_at_ = event_queue_.now();
  AwaitRest();
}

bool World::AtRest() const {
  if (!network_.whole() || !network_.server().settled()) return false;
  if (delayed_load_ && (!delayed_load_->idle() || !delayed_->entries().empty())) return false;
  const auto rests = [](const Process* process) {
    return process != nullptr && !process->gone() && !process->draining() && process->idle() && !process->wide();
  };
  return std::all_of(members_.begin(), members_.end(), rests);
}

void World::AwaitRest() {
  const std::uint64_t progress = ledger_.progress() + network_.server().ack_floor();
  if (progress != last_progress_) progress_at_ = event_queue_.now();
  last_progress_ = progress;
  const DeliveryOptions& flow = scenario_.flow;
  const auto patience = 3 * flow.ack_wait + 4 * flow.retry.max_backoff + seconds{20};
  if (event_queue_.now() - progress_at_ > patience || event_queue_.now() - calm_since_ > kLongestCalm) {
    std::string story = "nothing goes on, and not settled is " + std::to_string(network_.server().ack_floor() + 1);
    for (const Process* process : members_) story += process == nullptr ? "; no process" : "; " + process->Describe();
    if (delayed_ && !delayed_->entries().empty()) {
      story += "; delayed " + std::to_string(delayed_->entries().size()) + ", the first of which is " +
               std::to_string(delayed_->entries().begin()->first);
    }
    ledger_.Break("settles", std::move(story));
  }
  event_queue_.After(kLookEvery, [this] {
    if (!AtRest()) return AwaitRest();
    const bool redrives = scenario_.redrive_all && scenario_.keeps_letters() && !ledger_.letters().empty();
    if (redrives) {
      redriven_.clear();
      Redrive(true);
      return AwaitRest();
    }
    if (epilogue_) return FinishWell();
    // No key may be left waiting for something that is over.
    epilogue_ = true;
    for (std::uint64_t key = 0; key <= scenario_.keys; ++key) {
      network_.Publish({.event = ledger_.NewEvent(key, false), .bytes = 1});
    }
    AwaitRest();
  });
}

void World::FinishWell() {
  for (const Process* process : members_) process->CheckAtRest();
  if (scenario_.flow.acknowledges) ledger_.CheckNothingLost();
  over_ = true;
}

}  // namespace penstock::eventbus::simulation
