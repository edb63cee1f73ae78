// SPDX-License-Identifier: Apache-2.0
#include "jetstream/settlement.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace penstock::eventbus::jetstream {
namespace {

// Up to so many places for each: to place them costs an eighth of what sorting does.
constexpr std::uint64_t kMostPlaces = 8;

std::uint64_t SequenceOf(const Settling& settling) { return settling.message->stream_sequence(); }

// Each goes to the place that its sequence has among all from `first` on. False when two have the same.
bool Place(std::span<const Settling> settlings, std::uint64_t first, std::vector<const Settling*>& places) {
  for (const Settling& each : settlings) {
    const Settling*& place = places[SequenceOf(each) - first];
    if (place != nullptr) return false;
    place = &each;
  }
  return true;
}

}  // namespace

std::string_view SettlementBody(Verb verb) {
  switch (verb) {
    case Verb::kAck:
      return "+ACK";
    case Verb::kNak:
      return "-NAK";
    case Verb::kTerm:
      return "+TERM";
    case Verb::kInProgress:
      return "+WPI";
  }
  return "";
}

std::vector<Settling> InStreamOrder(std::span<const Settling> settlings) {
  std::vector<Settling> ordered(settlings.begin(), settlings.end());
  if (ordered.size() < 2) return ordered;
  const auto [first, last] = std::ranges::minmax_element(settlings, {}, SequenceOf);
  const std::uint64_t span = SequenceOf(*last) - SequenceOf(*first);
  std::vector<const Settling*> places(span < kMostPlaces * ordered.size() ? span + 1 : 0);
  if (places.empty() || !Place(settlings, SequenceOf(*first), places)) {
    std::ranges::sort(ordered, {}, SequenceOf);
    return ordered;
  }
  auto next = ordered.begin();
  for (const Settling* const each : places) {
    if (each != nullptr) *next++ = *each;
  }
  return ordered;
}

}  // namespace penstock::eventbus::jetstream
