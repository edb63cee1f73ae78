// SPDX-License-Identifier: Apache-2.0
#include "chaos/event_plan.h"

#include <algorithm>
#include <charconv>
#include <random>
#include <system_error>

namespace penstock::chaos {
namespace {

constexpr std::string_view kProducer = "chaos ";
constexpr double kTwoTo53 = 9007199254740992.0;

enum class Salt : std::uint64_t { kPayload = 1, kBehaviour, kTwice, kSlow };

std::uint64_t Mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::uint64_t Hash(std::uint64_t seed, EventRef event, Salt salt) {
  const std::uint64_t place = (std::uint64_t{event.key} << 32) | event.n;
  return Mix(Mix(Mix(seed) ^ place) ^ static_cast<std::uint64_t>(salt));
}

// Cumulated shares of the keys.
std::vector<double> ZipfShares() {
  std::vector<double> shares(EventPlan::kKeys);
  double sum = 0;
  for (std::size_t k = 0; k < shares.size(); ++k) shares[k] = sum += 1.0 / static_cast<double>(k + 1);
  for (double& share : shares) share /= sum;
  return shares;
}

template <typename Number>
bool TakeNumber(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return true;
}

}  // namespace

EventPlan::EventPlan(std::uint64_t seed, std::size_t events) : seed_(seed) {
  const std::vector<double> shares = ZipfShares();
  std::vector<std::uint32_t> counts(kKeys, 0);
  std::mt19937_64 random(seed);
  events_.reserve(events);
  for (std::size_t i = 0; i < events; ++i) {
    const double drawn = static_cast<double>(random() >> 11) / kTwoTo53;  // the standard's distributions differ
    const auto place = std::min<std::ptrdiff_t>(std::upper_bound(shares.begin(), shares.end(), drawn) - shares.begin(),
                                                std::ptrdiff_t{kKeys} - 1);
    const auto key = static_cast<std::uint32_t>(place);
    events_.push_back({.key = key, .n = ++counts[key]});
  }
}

std::size_t EventPlan::PoisonCount() const {
  return static_cast<std::size_t>(std::count_if(events_.begin(), events_.end(), [this](EventRef event) {
    return BehaviourAt(seed_, event, 1) == Behaviour::kReject;
  }));
}

std::string KeyName(std::uint32_t key) { return "key-" + std::to_string(key); }

std::string EventId(std::uint64_t seed, EventRef event) {
  return "chaos-" + std::to_string(seed) + "-" + std::to_string(event.key) + "-" + std::to_string(event.n);
}

std::string Payload(std::uint64_t seed, EventRef event) {
  return std::string(kProducer) + std::to_string(event.key) + " " + std::to_string(event.n) + " " +
         std::to_string(Hash(seed, event, Salt::kPayload));
}

std::optional<EventRef> ReadPayload(std::uint64_t seed, std::string_view payload) {
  if (payload.substr(0, kProducer.size()) != kProducer) return std::nullopt;
  const std::string_view whole = payload;
  payload.remove_prefix(kProducer.size());
  EventRef event;
  if (!TakeNumber(payload, event.key) || !TakeNumber(payload, event.n)) return std::nullopt;
  if (event.key >= EventPlan::kKeys || event.n == 0 || whole != Payload(seed, event)) return std::nullopt;
  return event;
}

Behaviour BehaviourAt(std::uint64_t seed, EventRef event, std::uint64_t attempt) {
  const std::uint64_t drawn = Hash(seed, event, Salt::kBehaviour) % 10'000;
  if (drawn < 2) return Behaviour::kReject;
  if (drawn < 102) return Behaviour::kSlow;
  const std::uint64_t bad_attempts = Hash(seed, event, Salt::kTwice) % 4 == 0 ? 2 : 1;
  if (drawn >= 222 || attempt > bad_attempts) return Behaviour::kHandle;
  return drawn < 122 ? Behaviour::kThrow : Behaviour::kFail;
}

std::chrono::milliseconds SlowTime(std::uint64_t seed, EventRef event) {
  return std::chrono::milliseconds(2 + Hash(seed, event, Salt::kSlow) % 19);
}

}  // namespace penstock::chaos
