// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/consumer_settings.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "jetstream/api/api_error.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

using enum Treatment;
using Treatments = std::array<Treatment, kConsumerUses>;

// A consumer has no field of its own for this before 2.10.
constexpr char kTag[] = "penstock_consumer";
constexpr char kReleased[] = "released by its owner";
constexpr char kAfterWords[] = "; ";
constexpr std::size_t kLongestDescription = 4096;

constexpr std::int64_t kLongestHeartbeat = std::chrono::nanoseconds(std::chrono::seconds(1)).count();
// Bits per second for each byte of the largest message, so that it takes half a second.
constexpr double kLeastRateFactor = 16;

constexpr Treatments kKeptByAll = {kKept, kKept, kKept, kKept};
constexpr Treatments kRequiredByAll = {kRequired, kRequired, kRequired, kRequired};
constexpr Treatments kSetByAll = {kSet, kSet, kSet, kSet};
constexpr Treatments kRequiredOfPush = {kRequired, kRequired, kKept, kKept};
constexpr Treatments kRequiredUnlessAtMostOnce = {kRequired, kRequired, kRequired, kKept};
constexpr Treatments kSetUnlessAtMostOnce = {kSet, kSet, kSet, kKept};
constexpr Treatments kSetOfPull = {kKept, kKept, kSet, kSet};

constexpr const char* kOurs = "ours";
constexpr const char* kAny = "any";

std::string TextOf(const Json& value, const char* default_value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? default_value : WriteJson(value);
}

bool IsNone(const Json& value) {
  return value.is_null() || value == Json(false) || value == Json(0) || value == Json("") || value == Json("none") ||
         value == Json::array() || value == Json::object();
}

bool IsPush(const Json& config) { return !StringMember(config, "deliver_subject").empty(); }

bool IsPull(const Json& existing, const Json& /*wanted*/, const Surroundings& /*around*/) { return !IsPush(existing); }

bool IsDurable(const Json& existing, const Json& wanted, const Surroundings& /*around*/) {
  return StringMember(wanted, "durable_name").empty() || !StringMember(existing, "durable_name").empty();
}

std::vector<std::string> FiltersOf(const Json& config) {
  std::vector<std::string> filters = StringsMember(config, "filter_subjects");
  const std::string one = StringMember(config, "filter_subject");
  if (!one.empty()) filters.push_back(one);
  return filters;
}

bool FiltersOurs(const Json& existing, const Json& wanted, const Surroundings& around) {
  const std::vector<std::string> filters = FiltersOf(existing), ours = FiltersOf(wanted);
  return filters == ours || (filters.empty() && around.stream_subjects == ours);
}

// Told by the field that has the misfit.
bool HasOneFilter(const Json& existing, const Json& wanted, const Surroundings& around) {
  return StringsMember(existing, "filter_subjects").empty() || FiltersOurs(existing, wanted, around);
}
bool HasOurFilter(const Json& existing, const Json& wanted, const Surroundings& around) {
  return !StringsMember(existing, "filter_subjects").empty() || FiltersOurs(existing, wanted, around);
}

bool SpeaksEachSecond(const Json& existing, const Json& /*wanted*/, const Surroundings& /*around*/) {
  const std::int64_t heartbeat = IntMember(existing, "idle_heartbeat").value_or(0);
  return heartbeat > 0 && heartbeat <= kLongestHeartbeat;
}

bool IsFastEnough(const Json& existing, const Json& /*wanted*/, const Surroundings& around) {
  const Json& limit = Member(existing, "rate_limit_bps");
  const double bits = limit.is_number() ? limit.get<double>() : 0;
  return bits == 0 || bits >= kLeastRateFactor * static_cast<double>(around.largest_message_bytes);
}

bool HasNoStartTime(const Json& existing, const Json& /*wanted*/, const Surroundings& around) {
  return around.updates_with_start_time || IsNone(Member(existing, "opt_start_time"));
}

template <const char* const& kField>
bool HasNo(const Json& existing, const Json& /*wanted*/, const Surroundings& /*around*/) {
  return IsNone(Member(existing, kField));
}
constexpr const char* kInactiveThreshold = "inactive_threshold";
constexpr const char* kMemStorage = "mem_storage";
constexpr const char* kDeliverGroup = "deliver_group";
constexpr const char* kPriorityPolicy = "priority_policy";
constexpr const char* kPriorityGroups = "priority_groups";
constexpr const char* kDirect = "direct";
constexpr const char* kSourcing = "sourcing";

constexpr std::array kSettings = {
    // Whose it is, and what it delivers.
    ConsumerSetting{"deliver_subject", {kBound, kBound, kRequired, kRequired}, "push or pull, as ours", IsPull},
    ConsumerSetting{"durable_name", kRequiredByAll, "durable, as ours", IsDurable},
    ConsumerSetting{"ack_policy", kRequiredByAll, "by column: explicit, all, explicit, none", nullptr, "none"},
    ConsumerSetting{"filter_subject", kRequiredByAll, "the topic's subject; none if the stream has no other",
                    HasOurFilter},
    ConsumerSetting{"filter_subjects", kRequiredByAll, "none, or only the topic's subject", HasOneFilter},
    ConsumerSetting{"deliver_policy", kKeptByAll, kAny},
    ConsumerSetting{"opt_start_seq", kKeptByAll, kAny},
    ConsumerSetting{"opt_start_time", kRequiredByAll, "any; none on 2.9", HasNoStartTime},
    ConsumerSetting{"replay_policy", kRequiredByAll, "instant", nullptr, "instant"},
    ConsumerSetting{"headers_only", kSetByAll, "false", nullptr, "", true},
    // When it delivers.
    ConsumerSetting{"ack_wait", kSetUnlessAtMostOnce, kOurs},
    ConsumerSetting{"backoff", kSetUnlessAtMostOnce, "none", nullptr, "", true},
    ConsumerSetting{"max_deliver", kSetByAll, "-1", nullptr, "", true},
    ConsumerSetting{"max_ack_pending", kSetUnlessAtMostOnce, kOurs},
    ConsumerSetting{"flow_control", {kAnswered, kAnswered, kKept, kKept}, kAny},
    ConsumerSetting{"idle_heartbeat", kRequiredOfPush, "1 s or less", SpeaksEachSecond, "0"},
    ConsumerSetting{"rate_limit_bps", kRequiredOfPush, "none, or 16 times max_payload", IsFastEnough, "", false,
                    "raise it or take it off, or use another durable"},
    ConsumerSetting{"pause_until", {kTold, kTold, kTold, kTold}, kAny},
    ConsumerSetting{"max_waiting", kKeptByAll, kAny},
    ConsumerSetting{"max_batch", kSetOfPull, "none, or the server's limit"},
    ConsumerSetting{"max_expires", kSetOfPull, "none"},
    ConsumerSetting{"max_bytes", kSetOfPull, "none"},
    // Who else gets it.
    ConsumerSetting{kDeliverGroup, kRequiredByAll, "none", HasNo<kDeliverGroup>},
    ConsumerSetting{kPriorityPolicy, kRequiredByAll, "none", HasNo<kPriorityPolicy>, "none"},
    ConsumerSetting{kPriorityGroups, kRequiredByAll, "none", HasNo<kPriorityGroups>},
    ConsumerSetting{"priority_timeout", kKeptByAll, kAny},
    // How it is kept.
    ConsumerSetting{kInactiveThreshold, kSetByAll, "none for a durable", nullptr, "", true},
    ConsumerSetting{kMemStorage, kRequiredUnlessAtMostOnce, "false", HasNo<kMemStorage>, "false"},
    ConsumerSetting{"num_replicas", kKeptByAll, kAny},
    ConsumerSetting{kDirect, kRequiredByAll, "false", HasNo<kDirect>, "false"},
    ConsumerSetting{kSourcing, kRequiredByAll, "false", HasNo<kSourcing>, "false"},
    ConsumerSetting{"sample_freq", kKeptByAll, kAny},
    ConsumerSetting{"metadata", kKeptByAll, kAny},
    ConsumerSetting{"description", kKeptByAll, kAny},
    ConsumerSetting{"name", kKeptByAll, kAny},
};

// An ephemeral consumer may be forgotten when its stream's limits say so.
Treatment TreatmentOf(const ConsumerSetting& setting, const Json& wanted) {
  const bool ephemeral = StringMember(wanted, "durable_name").empty();
  return ephemeral && std::string_view(setting.field) == kInactiveThreshold ? kKept : setting.ForUse(UseOf(wanted));
}

absl::Status Misfit(const std::string& name, const std::string& field, const std::string& existing,
                    const std::string& needed, const char* remedy) {
  return MarkedAsLasting(
      absl::FailedPreconditionError(absl::StrCat("open consumer \"", name, "\": it exists with ", field, " ",
                                                 Quoted(existing), " but needs ", needed, "; ", remedy)));
}

std::string Needed(const ConsumerSetting& setting, const Json& wanted) {
  if (absl::StartsWith(setting.field, "filter_")) return Quoted(absl::StrJoin(FiltersOf(wanted), ", "));
  const bool equal = setting.fits == nullptr;
  return Quoted(equal ? TextOf(Member(wanted, setting.field), setting.default_value) : setting.fitting);
}

absl::Status CheckSetting(const ConsumerSetting& setting, const std::string& name, const Json& existing,
                          const Json& wanted, const Surroundings& around) {
  const std::string present = TextOf(Member(existing, setting.field), setting.default_value);
  const bool fits = setting.fits != nullptr ? setting.fits(existing, wanted, around)
                                            : present == TextOf(Member(wanted, setting.field), setting.default_value);
  return fits ? absl::OkStatus() : Misfit(name, setting.field, present, Needed(setting, wanted), setting.remedy);
}

// The server leaves out an unlimited `max_ack_pending` or `max_deliver` in some versions.
bool IsAsWanted(const Json& existing, const Json& wanted) {
  return existing == wanted || (existing.is_null() && wanted == Json(-1)) || (wanted.is_null() && IsNone(existing));
}

void Set(Json& config, const char* field, const Json& wanted) {
  if (IsAsWanted(Member(config, field), wanted)) return;
  if (wanted.is_null()) {
    config.erase(field);
  } else {
    config[field] = wanted;
  }
}

void TakeMarkOff(Json& config) {
  if (!IsReleased(config)) return;
  std::string words = StringMember(config, "description");
  words.resize(words.size() - std::string_view(kReleased).size());
  if (absl::EndsWith(words, kAfterWords)) words.resize(words.size() - std::string_view(kAfterWords).size());
  if (words.empty()) {
    config.erase("description");
  } else {
    config["description"] = words;
  }
}

}  // namespace

ConsumerUse UseOf(const Json& wanted) {
  const std::string policy = StringMember(wanted, "ack_policy");
  if (policy == "none") return ConsumerUse::kAtMostOnce;
  if (!IsPush(wanted)) return ConsumerUse::kShared;
  return policy == "all" ? ConsumerUse::kCumulative : ConsumerUse::kExclusive;
}

const char* NameOf(Treatment treatment) {
  constexpr std::array kNames = {"kept", "told", "set", "bound", "answered", "required"};
  return kNames[static_cast<std::size_t>(treatment)];
}

std::span<const ConsumerSetting> ConsumerSettings() { return kSettings; }

Json Adjusted(const Json& existing, const Json& wanted) {
  if (!existing.is_object()) return wanted;
  Json adjusted = existing;
  for (const ConsumerSetting& setting : kSettings) {
    const Treatment treatment = TreatmentOf(setting, wanted);
    if (treatment == kSet || treatment == kBound) Set(adjusted, setting.field, Member(wanted, setting.field));
  }
  TakeMarkOff(adjusted);
  return adjusted;
}

absl::Status CheckFits(const std::string& name, const Json& existing, const Json& wanted, const Surroundings& around) {
  if (IsPush(existing) != IsPush(wanted)) {
    const bool pushed = IsPush(existing);
    return Misfit(name, "delivery", pushed ? "push" : "pull", Quoted(pushed ? "pull (shared)" : "push (exclusive)"),
                  kSettings.front().remedy);
  }
  const ConsumerUse use = UseOf(wanted);
  for (const ConsumerSetting& setting : kSettings) {
    if (setting.ForUse(use) != kRequired) continue;
    if (absl::Status fits = CheckSetting(setting, name, existing, wanted, around); !fits.ok()) return fits;
  }
  return absl::OkStatus();
}

absl::Status CheckTaken(const std::string& name, const Json& put, const Json& wanted) {
  for (const ConsumerSetting& setting : kSettings) {
    const Json& has = Member(put, setting.field);
    if (!setting.vital || TreatmentOf(setting, wanted) != kSet || IsAsWanted(has, Member(wanted, setting.field)))
      continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "open consumer \"", name, "\": the server insists on ", setting.field, " ", Quoted(TextOf(has, "")),
        " but it has to be ", Quoted(setting.fitting), "; look at the stream's consumer_limits"));
  }
  return absl::OkStatus();
}

std::string Changes(const Json& existing, const Json& adjusted) {
  std::vector<std::string> changes;
  for (const ConsumerSetting& setting : kSettings) {
    const std::string_view field = setting.field;
    if (field == "deliver_subject" || field == "description" || field == "metadata") continue;
    const Json &before = Member(existing, setting.field), &after = Member(adjusted, setting.field);
    if (before == after) continue;
    changes.push_back(absl::StrCat(setting.field, " from ", TextOf(before, "none"), " to ", TextOf(after, "none")));
  }
  return absl::StrJoin(changes, ", ");
}

Json Tagged(Json config, const std::string& tag) {
  config["metadata"][kTag] = tag;
  return config;
}

std::string TagOf(const Json& config) { return StringMember(Member(config, "metadata"), kTag); }

std::string PausedUntil(const Json& config) {
  constexpr const char* kNever = "0001-01-01";
  const std::string until = StringMember(config, "pause_until");
  return absl::StartsWith(until, kNever) ? "" : until;
}

Json Released(Json config) {
  TakeMarkOff(config);
  const std::string words = StringMember(config, "description");
  std::string marked = words.empty() ? kReleased : absl::StrCat(words, kAfterWords, kReleased);
  config["description"] = marked.size() <= kLongestDescription ? marked : kReleased;
  return config;
}

bool IsReleased(const Json& config) {
  const std::string words = StringMember(config, "description");
  return words == kReleased || absl::EndsWith(words, absl::StrCat(kAfterWords, kReleased));
}

}  // namespace penstock::eventbus::jetstream
