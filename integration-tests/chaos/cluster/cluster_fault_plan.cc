// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_fault_plan.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::chaos {
namespace {

using Kind = ClusterFaultKind;

struct Facts {
  Kind kind;
  std::string_view name;
  int shortest_ms;
  int longest_ms;
};

constexpr std::array kFacts = {
    Facts{Kind::kRouteCut, "route_cut", 4000, 16'000},
    Facts{Kind::kLeaderKilled, "leader_killed", 500, 6000},
    Facts{Kind::kLeaderPaused, "leader_paused", 1000, 9000},
    Facts{Kind::kLeaderSteppedDown, "leader_stepped_down", 0, 0},
    Facts{Kind::kRollingRestart, "rolling_restart", 0, 0},
    Facts{Kind::kOwnerKilled, "owner_killed", 0, 0},
    Facts{Kind::kOwnerReplaced, "owner_replaced", 0, 0},
    Facts{Kind::kConsumerDeleted, "consumer_deleted", 0, 0},
    Facts{Kind::kPausedDuringTakeOver, "paused_during_take_over", 2000, 4000},
    Facts{Kind::kJetStreamOff, "jetstream_off", 1000, 4000},
    Facts{Kind::kDiskFull, "disk_full", 1000, 5000},
};

constexpr auto kKinds = [] {
  std::array<Kind, kFacts.size()> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = kFacts[i].kind;
  return kinds;
}();

constexpr std::array<std::string_view, 5> kParts = {"owner", "owner_and_consumer_leader", "consumer_leader",
                                                    "stream_leader", "meta_leader"};
constexpr std::array kLeaderFaults = {Kind::kLeaderKilled, Kind::kLeaderPaused, Kind::kLeaderSteppedDown};
constexpr double kFirst = 0.03;
constexpr double kLast = 0.93;
constexpr std::size_t kShare = 5;  // one in so many is a route cut, and one a leader's fault

const Facts& FactsOf(Kind kind) { return kFacts[static_cast<std::size_t>(kind)]; }

class Drawing {
 public:
  Drawing(std::uint64_t seed, std::span<const Kind> kinds) : random_(seed), kinds_(kinds) {}

  std::vector<ClusterFault> Draw(std::size_t count) {
    const std::vector<Kind> drawn = DrawKinds(count);
    std::vector<ClusterFault> faults;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      faults.push_back(DrawOne(drawn[i]));
      faults[i].at = kFirst + (kLast - kFirst) * static_cast<double>(i) / static_cast<double>(count);
      const bool joined = i > 0 && faults[i - 1].with_next;
      faults[i].with_next =
          Below(3) == 0 && !joined && i + 1 < drawn.size() && TakesOver(drawn[i]) && Strikes(drawn[i + 1]);
    }
    return faults;
  }

 private:
  // The standard's distributions differ from library to library, its generators do not.
  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }

  template <typename Item>
  void Shuffle(std::vector<Item>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

  bool Has(Kind kind) const { return std::find(kinds_.begin(), kinds_.end(), kind) != kinds_.end(); }

  std::vector<Kind> DrawKinds(std::size_t count) {
    std::vector<Kind> drawn;
    if (kinds_.empty()) return drawn;
    const std::size_t share = (count + kShare - 1) / kShare;
    const std::size_t quota = count >= kShare * 4 ? share : count / kShare;
    if (Has(Kind::kRouteCut)) drawn.assign(quota, Kind::kRouteCut);
    Deal(drawn, drawn.size() + quota, kLeaderFaults);
    Deal(drawn, count, kinds_);
    Shuffle(drawn);
    return drawn;
  }

  // Of those that the run may have: each once before any comes again.
  void Deal(std::vector<Kind>& drawn, std::size_t up_to, std::span<const Kind> from) {
    std::vector<Kind> deck;
    std::copy_if(from.begin(), from.end(), std::back_inserter(deck), [this](Kind kind) { return Has(kind); });
    for (std::size_t next = 0; drawn.size() < up_to && !deck.empty(); ++next) {
      if (next % deck.size() == 0) Shuffle(deck);
      drawn.push_back(deck[next % deck.size()]);
    }
  }

  ClusterFault DrawOne(Kind kind) {
    const Facts& facts = FactsOf(kind);
    ClusterFault fault{.kind = kind};
    const auto spread = static_cast<std::uint64_t>(facts.longest_ms - facts.shortest_ms + 1);
    fault.duration = std::chrono::milliseconds(facts.shortest_ms + static_cast<int>(Below(spread)));
    fault.delay = std::chrono::milliseconds(300 + Below(700));
    fault.black_hole = Below(3) == 0;
    fault.one_route = Below(4) == 0;
    fault.publisher_inside = Below(4) == 0;
    fault.part = DrawPart(kind);
    return fault;
  }

  Part DrawPart(Kind kind) {
    if (kind == Kind::kRouteCut) return static_cast<Part>(routes_cut_++ % kParts.size());
    constexpr std::array kLeaders = {Part::kStreamLeader, Part::kConsumerLeader, Part::kMetaLeader};
    if (std::find(kLeaderFaults.begin(), kLeaderFaults.end(), kind) != kLeaderFaults.end()) {
      return kLeaders[Below(kLeaders.size())];
    }
    return kind == Kind::kDiskFull ? Part::kStreamLeader : Part::kConsumerLeader;
  }

  static bool TakesOver(Kind kind) {
    return kind == Kind::kOwnerKilled || kind == Kind::kOwnerReplaced || kind == Kind::kConsumerDeleted;
  }
  static bool Strikes(Kind kind) {
    return kind == Kind::kRouteCut || kind == Kind::kLeaderKilled || kind == Kind::kLeaderPaused ||
           kind == Kind::kLeaderSteppedDown;
  }

  std::mt19937_64 random_;
  const std::span<const Kind> kinds_;
  std::size_t routes_cut_ = 0;
};

}  // namespace

std::span<const ClusterFaultKind> AllClusterFaultKinds() { return kKinds; }

std::string_view FaultName(ClusterFaultKind kind) { return FactsOf(kind).name; }

std::string_view PartName(Part part) { return kParts[static_cast<std::size_t>(part)]; }

std::string ClassOf(const ClusterFault& fault) {
  std::string name(FaultName(fault.kind));
  if (fault.kind == Kind::kRouteCut) name += fault.black_hole ? "_black_hole" : "_reset";
  return name;
}

std::string Describe(const ClusterFault& fault) {
  std::string text = absl::StrCat(ClassOf(fault), " ", std::string(PartName(fault.part)));
  if (fault.kind == Kind::kRouteCut && fault.one_route) text += ", one route only";
  if (fault.publisher_inside) text += ", publisher inside";
  if (fault.duration.count() > 0) absl::StrAppend(&text, ", for ", fault.duration.count(), " ms");
  if (fault.with_next) text += ", together with";
  return text;
}

std::vector<ClusterFault> DrawClusterFaults(std::uint64_t seed, std::size_t count, std::span<const Kind> kinds) {
  return Drawing(seed, kinds).Draw(count);
}

}  // namespace penstock::chaos
