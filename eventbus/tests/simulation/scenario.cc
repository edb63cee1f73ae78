// SPDX-License-Identifier: Apache-2.0
#include "simulation/scenario.h"

#include <sstream>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

milliseconds Draw(Random& random, std::uint64_t first, std::uint64_t last) {
  return milliseconds(random.From(first, last));
}

void DrawDelivery(Random& random, Scenario& scenario) {
  const std::uint64_t mode = random.Below(10);
  scenario.mode = mode < 6 ? Mode::kExclusive : mode < 9 ? Mode::kShared : Mode::kAtMostOnce;
  if (scenario.mode != Mode::kAtMostOnce) scenario.members = random.PerMille(400) ? 2 : 1;
  DeliveryOptions& flow = scenario.flow;
  flow.acknowledges = scenario.mode != Mode::kAtMostOnce;
  flow.retries_in_place = scenario.mode == Mode::kShared;
  flow.ack_wait = Draw(random, 1000, random.PerMille(500) ? 3000 : 30'000);
  flow.max_in_flight = random.From(1, random.PerMille(500) ? 12 : 64);
  flow.seed = random.Next();
  // Of the seed, so that the draws after it stay what they were.
  if (flow.acknowledges && flow.seed % 2 == 0) flow.look_up_after = milliseconds(flow.seed % 512 + 1);
  flow.stuck_after = random.PerMille(500) ? Draw(random, 100, 2000) : milliseconds{0};
  flow.outage_after = random.PerMille(500) ? random.From(2, 12) : 0;
  flow.retry = {.max_attempts = random.PerMille(100) ? 0 : random.From(1, 5),
                .min_backoff = Draw(random, 0, 200),
                .max_backoff = Draw(random, 200, 2000),
                .jitter = static_cast<double>(random.Below(5)) / 10};
  const AfterDeadLetter policies[] = {AfterDeadLetter::kContinue, AfterDeadLetter::kQuarantine,
                                      AfterDeadLetter::kBlock};
  flow.after_dead_letter = policies[random.Below(3)];
  // Members of a shared consumer do not know of each other's letters.
  const bool strangers = scenario.mode == Mode::kShared && scenario.members > 1;
  if (strangers && flow.after_dead_letter == AfterDeadLetter::kQuarantine) {
    flow.after_dead_letter = AfterDeadLetter::kContinue;
  }
}

void DrawLoad(Random& random, Scenario& scenario) {
  scenario.events = random.From(300, 700);
  scenario.keys = random.From(1, random.PerMille(500) ? 5 : 40);
  scenario.unkeyed_per_mille = random.PerMille(300) ? random.Below(500) : 0;
  scenario.hot_key = random.PerMille(300);
  scenario.colliding_keys = random.PerMille(50);
  scenario.publish_pause = random.Skewed(microseconds{1}, microseconds{20'000});
  scenario.smallest = random.From(1, 100);
  scenario.largest = scenario.smallest + random.Below(400);
  if (random.PerMille(500)) {
    scenario.flow.max_bytes = random.From(scenario.smallest, scenario.largest * 12);
    scenario.flow.largest_message = scenario.largest * (scenario.flow.max_bytes % 4);
  }
}

void DrawHandlers(Random& random, Scenario& scenario) {
  scenario.actors = random.From(1, 8);
  scenario.inbox = random.From(1, random.PerMille(500) ? 3 : 20);
  scenario.shortest = microseconds{random.Below(100)};
  scenario.longest = scenario.shortest + random.Skewed(microseconds{10}, microseconds{20'000});
  const bool failing = random.PerMille(800);
  const auto up_to = [&](std::uint64_t most) { return failing && random.PerMille(600) ? random.Below(most) : 0; };
  scenario.fail_per_mille = up_to(200);
  scenario.throw_per_mille = up_to(50);
  scenario.reject_per_mille = up_to(20);
  scenario.poison_per_mille = up_to(20);
  scenario.slow_per_mille = up_to(5);
  scenario.defer_per_mille = up_to(300);
}

void DrawFaults(Random& random, Scenario& scenario) {
  scenario.network_shortest = microseconds{random.Below(500)};
  scenario.network_longest = scenario.network_shortest + random.Skewed(microseconds{1}, microseconds{20'000});
  scenario.late_per_mille = random.PerMille(500) ? random.Below(200) : 0;
  if (random.PerMille(850)) scenario.fault_pause = random.Skewed(milliseconds{20}, milliseconds{3000});
  scenario.redrives = random.Below(4);
  scenario.redrive_all = random.PerMille(800);
  if (scenario.flow.acknowledges && random.PerMille(300)) {
    scenario.flow.duplicate_window = std::chrono::minutes(2);
    scenario.stored_twice_per_mille = random.From(1, 100);
  }
  scenario.clustered = scenario.mode == Mode::kExclusive && random.PerMille(scenario.members > 1 ? 700 : 100);
  scenario.forgets_unheard = random.PerMille(300);
  scenario.elects_old = scenario.clustered && random.PerMille(300);
}

const char* ModeName(Mode mode) {
  if (mode == Mode::kExclusive) return "exclusive";
  return mode == Mode::kShared ? "shared" : "at most once";
}

const char* PolicyName(AfterDeadLetter policy) {
  if (policy == AfterDeadLetter::kContinue) return "continue";
  return policy == AfterDeadLetter::kQuarantine ? "quarantine" : "block";
}

// Of the seed, so that the draws stay what they were.
void RankEvents(Scenario& scenario) {
  const std::uint64_t part = scenario.seed % 7;
  if (part < 3) scenario.priorities = part == 0 ? 1 : static_cast<int>(2 + scenario.seed % 9);
}

void LimitPace(std::uint64_t seed, DeliveryOptions& flow) {
  if (const std::uint64_t part = seed % 17; part == 0 || part == 1 || part == 3) flow.max_concurrent = 1 + seed % 3;
  if (const std::uint64_t part = seed % 19; part >= 1 && part <= 3) {
    const RateLimit limit{.per_second = 50.0 * static_cast<double>(1 + seed % 40), .burst = 1 + seed % 8};
    (part == 1 ? flow.rate : flow.key_rate) = limit;
  }
}

void LimitHandlers(Scenario& scenario) {
  const std::uint64_t part = scenario.seed % 11;
  if (!scenario.flow.acknowledges || (part != 2 && part != 5 && part != 8)) return;
  const auto longest = std::chrono::ceil<milliseconds>(scenario.longest);
  scenario.time_limit = longest + milliseconds{3 + scenario.seed % 128};
}

// A key that blocks gives up nothing.
void LimitAge(Scenario& scenario) {
  const std::uint64_t part = scenario.seed % 13;
  if (!scenario.flow.acknowledges || (part != 1 && part != 4 && part != 7)) return;
  const bool drops = scenario.flow.after_dead_letter == AfterDeadLetter::kBlock || scenario.seed % 2 == 0;
  scenario.expiry.fate = drops ? WhenExpired::kDrop : WhenExpired::kDeadLetter;
  if (part != 4) scenario.expiry.max_age = milliseconds{20 + scenario.seed % 2048};
  if (part != 7) scenario.expires_per_mille = 1 + scenario.seed % 256;
}

void DelayEvents(Scenario& scenario) {
  if (!scenario.flow.acknowledges || scenario.seed % 4 != 1) return;
  scenario.delayed_per_mille = 50 + scenario.seed % 251;
  scenario.relay_bytes = scenario.seed % 3 * scenario.largest * 8;
  scenario.relay_window = 1 + scenario.seed % 16;
}

void CancelEvents(Scenario& scenario) {
  if (scenario.flow.acknowledges && scenario.seed % 6 == 3) scenario.cancel_per_mille = 20 + scenario.seed % 181;
}

}  // namespace

Scenario DrawScenario(std::uint64_t seed) {
  Random random(seed);
  Scenario scenario{.seed = seed};
  DrawDelivery(random, scenario);
  DrawLoad(random, scenario);
  DrawHandlers(random, scenario);
  DrawFaults(random, scenario);
  LimitPace(seed, scenario.flow);
  RankEvents(scenario);
  LimitHandlers(scenario);
  LimitAge(scenario);
  DelayEvents(scenario);
  CancelEvents(scenario);
  return scenario;
}

std::string Scenario::Describe() const {
  std::ostringstream text;
  text << ModeName(mode) << (clustered ? ", three servers" : "") << (forgets_unheard ? ", as 2.10.27" : "")
       << (elects_old ? ", elects old leaders" : "") << ", " << PolicyName(flow.after_dead_letter) << ", members "
       << members << ", ack wait " << flow.ack_wait.count() << " ms, credit " << flow.max_in_flight << ", bytes "
       << static_cast<std::int64_t>(flow.max_bytes) << ", attempts " << flow.retry.max_attempts << ", back-off "
       << flow.retry.min_backoff.count() << " to " << flow.retry.max_backoff.count() << " ms, outage after "
       << flow.outage_after << ", stuck after " << flow.stuck_after.count() << " ms; " << events << " events, " << keys
       << " keys, " << (by_priority() ? std::to_string(priorities) + " priorities, " : "") << smallest << " to "
       << largest << " bytes; " << (time_limit.count() > 0 ? std::to_string(time_limit.count()) + " ms to run, " : "")
       << (cancels() ? std::to_string(cancel_per_mille / 10) + " % cancelled, " : "")
       << (delays() ? std::to_string(delayed_per_mille / 10) + " % delayed, " : "")
       << (expiry.max_age.count() > 0 ? "at most " + std::to_string(expiry.max_age.count()) + " ms old, " : "")
       << actors << " actors, inbox " << inbox << "; a fault every " << fault_pause.count() / 1000 << " ms";
  return text.str();
}

}  // namespace penstock::eventbus::simulation
