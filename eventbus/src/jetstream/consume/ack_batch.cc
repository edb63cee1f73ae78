// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/ack_batch.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::eventbus::jetstream {
namespace {

// Up to so many places for each: to place them costs an eighth of what sorting does.
constexpr std::uint64_t kMostPlaces = 8;

std::uint64_t SequenceOf(const Acknowledgement& ack) { return ack.message->stream_sequence(); }

// Each goes to the place that its sequence has among all from `first` on. False when two have the same.
bool Place(std::span<const Acknowledgement> acks, std::uint64_t first, std::span<Acknowledgement> places) {
  for (const Acknowledgement& each : acks) {
    Acknowledgement& place = places[SequenceOf(each) - first];
    if (place.message != nullptr) return false;
    place = each;
  }
  return true;
}

}  // namespace

std::string_view AckBody(AckType type) {
  static constexpr std::array<std::string_view, 4> kInOrderOfType = {"+ACK", "-NAK", "+TERM", "+WPI"};
  return kInOrderOfType[static_cast<std::size_t>(type)];
}

void SortByStreamSequence(std::span<Acknowledgement> acks) {
  if (acks.size() < 2) return;
  const auto [least, most] = std::ranges::minmax_element(acks, {}, SequenceOf);
  const std::uint64_t first = SequenceOf(*least);
  const std::uint64_t span = SequenceOf(*most) - first;
  std::vector<Acknowledgement> places(span < kMostPlaces * acks.size() ? span + 1 : 0);
  if (!places.empty() && Place(acks, first, places)) {
    std::ranges::copy_if(places, acks.begin(), [](const Acknowledgement& each) { return each.message != nullptr; });
  } else {
    std::ranges::sort(acks, {}, SequenceOf);
  }
}

}  // namespace penstock::eventbus::jetstream
