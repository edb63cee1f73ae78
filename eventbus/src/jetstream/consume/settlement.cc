// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/settlement.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::eventbus::jetstream {
namespace {

// Up to so many places for each: to place them costs an eighth of what sorting does.
constexpr std::uint64_t kMostPlaces = 8;

std::uint64_t SequenceOf(const Settling& settling) { return settling.message->stream_sequence(); }

// Each goes to the place that its sequence has among all from `first` on. False when two have the same.
bool Place(std::span<const Settling> settlings, std::uint64_t first, std::span<Settling> places) {
  for (const Settling& each : settlings) {
    Settling& place = places[SequenceOf(each) - first];
    if (place.message != nullptr) return false;
    place = each;
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

void PutInStreamOrder(std::span<Settling> settlings) {
  if (settlings.size() < 2) return;
  const auto [least, most] = std::ranges::minmax_element(settlings, {}, SequenceOf);
  const std::uint64_t first = SequenceOf(*least);
  const std::uint64_t span = SequenceOf(*most) - first;
  std::vector<Settling> places(span < kMostPlaces * settlings.size() ? span + 1 : 0);
  if (!places.empty() && Place(settlings, first, places)) {
    std::ranges::copy_if(places, settlings.begin(), [](const Settling& each) { return each.message != nullptr; });
  } else {
    std::ranges::sort(settlings, {}, SequenceOf);
  }
}

}  // namespace penstock::eventbus::jetstream
