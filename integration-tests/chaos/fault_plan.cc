// SPDX-License-Identifier: Apache-2.0
#include "chaos/fault_plan.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

namespace penstock::chaos {
namespace {

struct Facts {
  FaultKind kind;
  std::string_view name;
  int shortest_ms;
  int longest_ms;
  bool publisher_alone;
};

constexpr std::array kFacts = {
    Facts{FaultKind::kServerKilled, "server_killed", 100, 2000, false},
    Facts{FaultKind::kServerStopped, "server_stopped", 500, 4000, false},
    Facts{FaultKind::kConsumerKilled, "consumer_killed", 0, 0, false},
    Facts{FaultKind::kConsumerStopped, "consumer_stopped", 500, 5000, false},
    Facts{FaultKind::kConsumerReplaced, "consumer_replaced", 0, 0, false},
    Facts{FaultKind::kStandbyTakesOver, "standby_takes_over", 0, 0, false},
    Facts{FaultKind::kPublisherKilled, "publisher_killed", 0, 0, true},
    Facts{FaultKind::kPublisherStopped, "publisher_stopped", 500, 4000, true},
    Facts{FaultKind::kConsumerCut, "consumer_cut", 0, 0, false},
    Facts{FaultKind::kPublisherCut, "publisher_cut", 0, 0, true},
    Facts{FaultKind::kBothCut, "both_cut", 0, 0, false},
    Facts{FaultKind::kConsumerBlackHoled, "consumer_black_holed", 1000, 3000, false},
    Facts{FaultKind::kPublisherBlackHoled, "publisher_black_holed", 1000, 3000, true},
    Facts{FaultKind::kConsumerSlowed, "consumer_slowed", 200, 1000, false},
    Facts{FaultKind::kConsumerDeleted, "consumer_deleted", 0, 0, false},
};

constexpr auto kKinds = [] {
  std::array<FaultKind, kFacts.size()> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = kFacts[i].kind;
  return kinds;
}();

constexpr double kFirst = 0.03;
constexpr double kLast = 0.93;

// The standard's distributions differ from library to library, its generators do not.
std::uint64_t Below(std::mt19937_64& random, std::uint64_t bound) { return random() % bound; }

const Facts& FactsOf(FaultKind kind) { return kFacts[static_cast<std::size_t>(kind)]; }

Fault Draw(FaultKind kind, std::mt19937_64& random) {
  const Facts& facts = FactsOf(kind);
  const auto spread = static_cast<std::uint64_t>(facts.longest_ms - facts.shortest_ms + 1);
  const int duration = facts.shortest_ms + static_cast<int>(Below(random, spread));
  return {.kind = kind,
          .at = 0,
          .duration = std::chrono::milliseconds(duration),
          .half_close = Below(random, 3) == 0,
          .one_way = Below(random, 2) == 0,
          .with_next = Below(random, 3) == 0};
}

// A server that was killed leaves no connection to cut or to hold up.
bool FindsNoConnections(const Fault& first, const Fault& second) {
  const bool needs_one = second.kind == FaultKind::kPublisherCut || second.kind == FaultKind::kPublisherBlackHoled;
  return first.kind == FaultKind::kServerKilled && needs_one;
}

// Overlapping faults of the consumer and the server could make both forget the same acknowledgements, see README.md.
bool MayOverlap(const Fault& a, const Fault& b) {
  if (a.kind == FaultKind::kBothCut || b.kind == FaultKind::kBothCut || FindsNoConnections(a, b)) return false;
  return FactsOf(a.kind).publisher_alone != FactsOf(b.kind).publisher_alone;
}

}  // namespace

std::span<const FaultKind> AllFaultKinds() { return kKinds; }

std::string_view FaultName(FaultKind kind) { return FactsOf(kind).name; }

std::vector<Fault> DrawFaults(std::uint64_t seed, std::size_t count, std::span<const FaultKind> kinds) {
  std::mt19937_64 random(seed);
  std::vector<Fault> faults;
  std::vector<FaultKind> deck;
  while (faults.size() < count && !kinds.empty()) {
    if (deck.empty()) {
      deck.assign(kinds.begin(), kinds.end());
      for (std::size_t i = deck.size(); i > 1; --i) std::swap(deck[i - 1], deck[Below(random, i)]);
    }
    faults.push_back(Draw(deck.back(), random));
    deck.pop_back();
  }
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const double place = static_cast<double>(i) / static_cast<double>(count);
    faults[i].at = kFirst + (kLast - kFirst) * place;
    const bool joined = i > 0 && faults[i - 1].with_next;
    faults[i].with_next = faults[i].with_next && !joined && i + 1 < count && MayOverlap(faults[i], faults[i + 1]);
  }
  return faults;
}

}  // namespace penstock::chaos
