// SPDX-License-Identifier: Apache-2.0
#include "delivery/policy/processed_set.h"

#include <algorithm>
#include <iterator>

namespace penstock::eventbus {
namespace {

constexpr std::uint64_t kPage = 64;
constexpr std::uint64_t kAll = ~std::uint64_t{0};

std::uint64_t Bit(std::uint64_t sequence) { return std::uint64_t{1} << (sequence % kPage); }

// Of the page that begins with `begin`: those from `first` to `last`.
std::uint64_t Bits(std::uint64_t begin, std::uint64_t first, std::uint64_t last) {
  if (last < begin || first > begin + (kPage - 1)) return 0;
  const std::uint64_t from = first > begin ? first - begin : 0;
  const std::uint64_t to = std::min(last - begin, kPage - 1);
  return (kAll << from) & (kAll >> (kPage - 1 - to));
}

}  // namespace

// Messages end out of order within what is in hand: a bit each costs much less than intervals that grow together.
void ProcessedSet::Add(std::uint64_t sequence) {
  auto page = pages_.find(sequence / kPage);
  if (page == pages_.end()) {
    if (InAnInterval(sequence)) return;
    page = pages_.emplace(sequence / kPage, BitsOfIntervals(sequence / kPage)).first;
  }
  page->second |= Bit(sequence);
  if (page->second == kAll) Finished(page);
  if (pages_.size() > kMaxPages) Finished(pages_.begin());
}

void ProcessedSet::Add(std::uint64_t first, std::uint64_t last) {
  AddInterval(first, last);
  for (auto page = pages_.lower_bound(first / kPage); page != pages_.end() && page->first <= last / kPage;) {
    page->second |= Bits(page->first * kPage, first, last);
    page = page->second == kAll ? Finished(page) : std::next(page);
  }
}

bool ProcessedSet::Contains(std::uint64_t sequence) const {
  const auto page = pages_.find(sequence / kPage);
  return page == pages_.end() ? InAnInterval(sequence) : (page->second & Bit(sequence)) != 0;
}

void ProcessedSet::Clear() {
  pages_.clear();
  intervals_.clear();
}

bool ProcessedSet::InAnInterval(std::uint64_t sequence) const {
  auto next = intervals_.upper_bound(sequence);
  return next != intervals_.begin() && sequence <= std::prev(next)->second;
}

std::uint64_t ProcessedSet::BitsOfIntervals(std::uint64_t page) const {
  const std::uint64_t begin = page * kPage;
  std::uint64_t bits = 0;
  auto interval = intervals_.upper_bound(begin);
  if (interval != intervals_.begin()) --interval;
  for (; interval != intervals_.end() && interval->first <= begin + (kPage - 1); ++interval) {
    bits |= Bits(begin, interval->first, interval->second);
  }
  return bits;
}

ProcessedSet::Pages::iterator ProcessedSet::Finished(Pages::iterator page) {
  const std::uint64_t begin = page->first * kPage;
  const auto next = pages_.erase(page);
  AddInterval(begin, begin + (kPage - 1));
  return next;
}

void ProcessedSet::AddInterval(std::uint64_t first, std::uint64_t last) {
  auto interval = intervals_.upper_bound(first);
  if (interval != intervals_.begin() && std::prev(interval)->second + 1 >= first) --interval;
  while (interval != intervals_.end() && interval->first <= last + 1) {
    first = std::min(first, interval->first);
    last = std::max(last, interval->second);
    interval = intervals_.erase(interval);
  }
  intervals_.emplace_hint(interval, first, last);
  if (intervals_.size() <= kMaxIntervals) return;
  const auto lowest = intervals_.begin();
  const auto second = std::next(lowest);
  lowest->second = second->second;
  intervals_.erase(second);
}

}  // namespace penstock::eventbus
