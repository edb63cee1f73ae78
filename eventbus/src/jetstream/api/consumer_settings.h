// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "jetstream/protocol/json.h"

// The one table of a consumer's settings, for consumers that another program made: docs/operations.md shows it to
// users.
namespace penstock::eventbus::jetstream {

/// The purpose of a consumer, in the order of the table's columns.
enum class ConsumerUse { kExclusive, kCumulative, kShared, kAtMostOnce };
inline constexpr std::size_t kConsumerUses = 4;

/// The use that a configuration of ours is made for.
ConsumerUse UseOf(const Json& wanted);

/// The fate of a setting that a consumer already has.
enum class Treatment {
  kKept,      ///< fits, whatever it is
  kTold,      ///< fits, and is logged: no message comes while it lasts
  kSet,       ///< updated to what is needed, which is logged
  kBound,     ///< there has to be one; updated to an inbox of the owner
  kAnswered,  ///< fits: what the server sends because of it is answered
  kRequired,  ///< has to fit as it is, since no update changes it (or nobody but its author should): else refused
};
const char* NameOf(Treatment treatment);

/// The facts that decide whether a setting fits, besides the consumer's own configuration.
struct Surroundings {
  std::size_t largest_message_bytes = 1 << 20;  ///< `max_payload` of the server
  std::vector<std::string> stream_subjects{};   ///< of all that it can have; empty: not known
  bool updates_with_start_time = false;         ///< servers before 2.10 update no consumer that has one
};

struct ConsumerSetting {
  const char* field;                                ///< its name in the server's API
  std::array<Treatment, kConsumerUses> treatments;  ///< by use
  const char* fitting;                              ///< the values that fit, in words; "ours": what we would make
  /// Whether a required setting fits. Null: when it equals ours.
  bool (*fits)(const Json& existing, const Json& wanted, const Surroundings& around) = nullptr;
  const char* default_value = "";  ///< of one that the configuration leaves out
  bool vital = false;              ///< set, and nothing is delivered when the server does not take it
  const char* remedy = "use another durable, or delete it";

  Treatment ForUse(ConsumerUse use) const { return treatments[static_cast<std::size_t>(use)]; }
};

/// Every setting of a consumer that nats-server 2.9 to 2.15 knows, in the order of the documentation. A setting that is
/// not in the table is kept.
std::span<const ConsumerSetting> ConsumerSettings();

/// `existing` with what has to be as in `wanted` set so; equal to `existing` when nothing differs.
Json Adjusted(const Json& existing, const Json& wanted);

/// `kFailedPrecondition`, marked as lasting, naming the first required field in which `existing` does not fit, its
/// value, what is needed and the remedy.
absl::Status CheckFits(const std::string& name, const Json& existing, const Json& wanted, const Surroundings& around);

/// `kFailedPrecondition`, naming the first vital field that the server has in `put` otherwise than it was told.
absl::Status CheckTaken(const std::string& name, const Json& put, const Json& wanted);

/// The differences, such as "headers_only from true to none"; empty when there are none. What only we
/// change is left out: the bound inbox, the description and the metadata.
std::string Changes(const Json& existing, const Json& adjusted);

/// `config` with a name of ours for this consumer, which every replica of it has: the times of its creation that they
/// tell differ by as much as one of them was cut off then. Servers before 2.10 do not keep it.
Json Tagged(Json config, const std::string& tag);
/// That name; empty when it has none.
std::string TagOf(const Json& config);

/// Until when an operator paused the consumer, in the server's words; empty when nobody did.
std::string PausedUntil(const Json& config);

/// `config` with the mark of an owner that gives the consumer up, behind the user's own description; `Adjusted` takes
/// it off again.
Json Released(Json config);
bool IsReleased(const Json& config);

}  // namespace penstock::eventbus::jetstream
