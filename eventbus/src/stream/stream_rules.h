// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "transport/stream_facts.h"

// The one table of what a stream's settings mean to each use of a stream; docs/operations.md shows it to users.
namespace penstock::eventbus {

enum class StreamUse {
  kPlainTopic,     ///< of plain messages, at-most-once
  kEnvelopeTopic,  ///< of envelopes, at-least-once
  kDeadLetters,
  kBucket,
  kDelayed,
};
inline constexpr std::size_t kStreamUses = 5;

/// The purpose of a look at a topic's stream. The others are always both written and read.
enum class StreamAccess { kConsume, kPublish };

/// The use that a stream is wanted for.
struct StreamNeed {
  StreamUse use = StreamUse::kEnvelopeTopic;
  StreamAccess access = StreamAccess::kPublish;
  StreamSpec wanted{};                          ///< how the bus would make it; its first subject is used
  std::chrono::nanoseconds publish_timeout{0};  ///< for so long a publish may be sent again
  std::size_t max_payload_bytes = 0;            ///< the largest message that can come
};

enum class StreamVerdict {
  kFits,
  kWarns,        ///< used, with a warning
  kStorage,      ///< as `BusOptions::storage_mismatch` says
  kMustMatch,    ///< compared with the options of the bucket, where it is opened
  kConsumeOnly,  ///< publishing is refused
  kPublishOnly,  ///< consuming is refused
  kRefused,
};
std::string_view VerdictName(StreamVerdict verdict);  // as in docs/operations.md

/// One value, or range of values, of one setting.
struct StreamRule {
  const char* field;                                ///< as the server's configuration has it
  const char* when;                                 ///< the values, in words
  std::array<StreamVerdict, kStreamUses> verdicts;  ///< by `StreamUse`
  const char* consequence;                          ///< empty when it fits everywhere
  const char* remedy;
  bool (*applies)(const StreamFacts& found, const StreamNeed& need);  ///< null: every value, and it fits
  std::string (*value)(const StreamFacts& found);                     ///< null likewise

  StreamVerdict VerdictFor(StreamUse use) const { return verdicts[static_cast<std::size_t>(use)]; }
};

/// Below these a limit that discards messages would do so in ordinary operation.
inline constexpr std::int64_t kLeastMessages = 1000;
inline constexpr std::int64_t kLeastBytes = std::int64_t{1} << 20;
inline constexpr std::chrono::minutes kLeastAge{1};
/// The headers of a dead letter take more.
inline constexpr std::int64_t kLeastEventBytes = 1024;
/// A letter without its body takes no more.
inline constexpr std::int64_t kLeastLetterBytes = std::int64_t{64} << 10;

std::span<const StreamRule> StreamRules();

}  // namespace penstock::eventbus
