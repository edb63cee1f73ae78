// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "penstock/eventbus/dead_letters.h"
#include "scenarios/scenario.h"

namespace penstock::testing {

/// The dead letters that fit, bodies included.
inline std::vector<DeadLetter> Letters(const EventBus& bus, const DeadLetterQuery& query = {}) {
  auto letters = bus.dead_letters().List(query, {.limit = 1000, .bodies = LetterBodies::kInclude});
  EXPECT_THAT(letters, IsOk());
  return letters.ok() ? std::move(letters->letters) : std::vector<DeadLetter>{};
}

/// The same, once there are as many; else what there is at the end of the patience.
inline std::vector<DeadLetter> AwaitLetters(const EventBus& bus, std::size_t count, const DeadLetterQuery& query = {}) {
  Eventually([&] { return Letters(bus, query).size() == count; }, kPatience);
  return Letters(bus, query);
}

inline std::vector<std::uint64_t> Origins(const std::vector<DeadLetter>& letters) {
  std::vector<std::uint64_t> origins;
  for (const DeadLetter& letter : letters) origins.push_back(letter.origin_sequence);
  return origins;
}

inline std::string PayloadOf(const DeadLetter& letter) {
  auto envelope = DecodeEnvelope(letter.body, "");
  EXPECT_THAT(envelope, IsOk());
  return envelope.ok() ? envelope->payload : std::string();
}

inline RedriveReport Redrive(const EventBus& bus, const DeadLetterQuery& query, const RedriveOptions& options = {}) {
  auto report = bus.dead_letters().Redrive(query, options);
  EXPECT_THAT(report, IsOk());
  if (!report.ok()) return {};
  EXPECT_THAT(report->first_error, IsOk());
  return *std::move(report);
}

}  // namespace penstock::testing
