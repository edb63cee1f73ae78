// SPDX-License-Identifier: Apache-2.0
#include "stream/stream_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "naming/subject.h"

namespace penstock::eventbus {
namespace {

using Facts = StreamFacts;
using Need = StreamNeed;
using enum StreamVerdict;
using Verdicts = std::array<StreamVerdict, kStreamUses>;

const std::string& SubjectOf(const Need& need) { return need.wanted.subjects.front(); }

bool Covers(const Facts& found, const Need& need) {
  return std::ranges::any_of(found.subjects,
                             [&](const std::string& theirs) { return SubjectCovers(theirs, SubjectOf(need)); });
}

bool MovesSubject(const Facts& found, const Need& need) {
  const auto& transform = found.subject_transform;
  return transform && transform->source != transform->destination &&
         SubjectsOverlap(transform->source, SubjectOf(need));
}

bool Few(std::int64_t limit, std::int64_t least) { return limit > 0 && limit < least; }
bool Many(std::int64_t limit, std::int64_t least) { return limit >= least; }
bool Old(const Facts& found) { return found.discard == Discard::kOld; }
// A limit per subject discards the oldest message unless both settings say otherwise.
bool OldOfSubject(const Facts& found) { return Old(found) || !found.discard_new_per_subject; }

// A server takes no duplicate window beyond the age limit, so that is what the bus asks for.
std::chrono::nanoseconds WantedWindow(const Need& need) {
  const std::chrono::nanoseconds window = need.wanted.duplicate_window, age = need.wanted.max_age;
  return age.count() > 0 ? std::min(window, age) : window;
}

bool ShorterThanAsked(const Facts& found, const Need& need) {
  const std::chrono::nanoseconds asked = need.wanted.max_age;
  return found.max_age >= kLeastAge && (asked.count() == 0 || found.max_age < asked);
}

std::string Number(std::int64_t value) { return absl::StrCat(value); }
std::string Milliseconds(std::chrono::nanoseconds time) {
  return absl::StrCat(std::chrono::ceil<std::chrono::milliseconds>(time).count(), " ms");
}
std::string Retained(const Facts& found) {
  if (found.retention == Retention::kInterest) return "interest";
  return found.retention == Retention::kWorkQueue ? "workqueue" : "limits";
}
std::string Messages(const Facts& found) { return Number(found.max_messages); }
std::string Bytes(const Facts& found) { return Number(found.max_bytes); }
std::string PerSubject(const Facts& found) { return Number(found.max_messages_per_subject); }
std::string MessageBytes(const Facts& found) { return Number(found.max_message_bytes); }
std::string Age(const Facts& found) { return Milliseconds(found.max_age); }
std::string True(const Facts&) { return "true"; }

constexpr const char* kDiscards = "messages are discarded before they were handled";
constexpr const char* kFull = "once it is full, letters are refused and their keys wait";
constexpr const char* kRaise = "raise it, or remove it";
constexpr Verdicts kFitsAll = {kFits, kFits, kFits, kFits, kFits};
constexpr Verdicts kWrites = {kConsumeOnly, kConsumeOnly, kRefused, kRefused, kRefused};
constexpr Verdicts kTooFew = {kFits, kConsumeOnly, kRefused, kFits, kRefused};
constexpr Verdicts kBounded = {kFits, kWarns, kWarns, kFits, kWarns};
constexpr Verdicts kLettersTooFew = {kFits, kFits, kRefused, kFits, kFits};
constexpr Verdicts kLettersBounded = {kFits, kFits, kWarns, kFits, kFits};

constexpr StreamRule Any(const char* field) { return {field, "any", kFitsAll, "", "", nullptr, nullptr}; }

// Columns: plain topic, envelope topic, dead letters, bucket, delayed messages.
constexpr std::array kRules = {
    StreamRule{"subjects", "without the subject", {kRefused, kRefused, kRefused, kRefused, kRefused},
               "it does not take what is published", "add the subject, or use another base_stream_name",
               [](const Facts& f, const Need& n) { return f.mirror_of.empty() && f.sources.empty() && !Covers(f, n); },
               [](const Facts& f) { return absl::StrJoin(f.subjects, ", "); }},
    StreamRule{"mirror", "set", kWrites, "it takes no messages of its own", "publish to the stream that it mirrors",
               [](const Facts& f, const Need&) { return !f.mirror_of.empty(); },
               [](const Facts& f) { return f.mirror_of; }},
    StreamRule{"sources", "set, and subjects without the subject", kWrites, "what is published does not go to it",
               "publish to the streams that are its sources, or add the subject",
               [](const Facts& f, const Need& n) { return !f.sources.empty() && !Covers(f, n); },
               [](const Facts& f) { return absl::StrJoin(f.sources, ", "); }},
    StreamRule{"subject_transform", "of the subject", {kRefused, kRefused, kRefused, kRefused, kRefused},
               "messages are stored under another subject", "remove it, or let it take other subjects only",
               MovesSubject,
               [](const Facts& f) {
                 return absl::StrCat(f.subject_transform->source, " to ", f.subject_transform->destination);
               }},
    StreamRule{"retention", "interest, without a consumer", {kWarns, kConsumeOnly, kRefused, kRefused, kRefused},
               "a message that no consumer wants is acknowledged and not kept",
               "create the consumer first, or set retention to limits",
               [](const Facts& f, const Need&) { return f.retention == Retention::kInterest && f.consumers == 0; },
               Retained},
    StreamRule{"retention", "interest, with consumers", {kFits, kWarns, kRefused, kRefused, kRefused},
               "a message that no consumer wants is acknowledged and not kept", "set retention to limits",
               [](const Facts& f, const Need&) { return f.retention == Retention::kInterest && f.consumers > 0; },
               Retained},
    StreamRule{"retention", "workqueue", {kPublishOnly, kFits, kWarns, kRefused, kRefused},
               "only acknowledging consumers may read it, and what they acknowledge is gone",
               "set retention to limits",
               [](const Facts& f, const Need&) { return f.retention == Retention::kWorkQueue; }, Retained},
    StreamRule{"storage", "other than asked for", {kStorage, kStorage, kStorage, kMustMatch, kStorage},
               "memory is lost with the server, a file is slower", "delete the stream, or use another topic",
               [](const Facts& f, const Need& n) { return f.storage != n.wanted.storage; },
               [](const Facts& f) { return std::string(StorageName(f.storage)); }},
    StreamRule{"persist_mode", "async", kBounded, "a crash of the server can lose what it has acknowledged",
               "set it to default", [](const Facts& f, const Need&) { return f.persists_later; },
               [](const Facts&) { return std::string("async"); }},
    StreamRule{"no_ack", "true", kWrites, "nothing tells whether a message was stored", "set it to false",
               [](const Facts& f, const Need&) { return f.no_ack; }, True},
    StreamRule{"sealed", "true", {kConsumeOnly, kConsumeOnly, kRefused, kFits, kRefused}, "it takes no more messages",
               "use another stream", [](const Facts& f, const Need&) { return f.sealed; }, True},
    StreamRule{"allow_msg_counter", "true", kWrites, "it takes only increments of counters", "use another stream",
               [](const Facts& f, const Need&) { return f.counts; }, True},
    StreamRule{"deny_delete", "true", {kFits, kFits, kWarns, kFits, kRefused},
               "letters stay when their messages were redriven and handled, delayed messages when they were published",
               "set it to false, or remove letters by other means",
               [](const Facts& f, const Need&) { return f.denies_delete; }, True},
    StreamRule{"allow_rollup_hdrs", "false, and not sealed", {kFits, kFits, kFits, kRefused, kFits}, "a key cannot be purged",
               "set it to true", [](const Facts& f, const Need&) { return !f.allows_rollup && !f.sealed; },
               [](const Facts&) { return std::string("false"); }},
    StreamRule{"max_msgs", "below 1,000, discard old", kTooFew, kDiscards, kRaise,
               [](const Facts& f, const Need&) { return Old(f) && Few(f.max_messages, kLeastMessages); }, Messages},
    StreamRule{"max_msgs", "from 1,000 on, discard old", kBounded, kDiscards, kRaise,
               [](const Facts& f, const Need&) { return Old(f) && Many(f.max_messages, kLeastMessages); }, Messages},
    StreamRule{"max_msgs", "below 1,000, discard new", kLettersTooFew, kFull, kRaise,
               [](const Facts& f, const Need&) { return !Old(f) && Few(f.max_messages, kLeastMessages); }, Messages},
    StreamRule{"max_msgs", "from 1,000 on, discard new", kLettersBounded, kFull, kRaise,
               [](const Facts& f, const Need&) { return !Old(f) && Many(f.max_messages, kLeastMessages); }, Messages},
    StreamRule{"max_bytes", "below 1 MiB, discard old", kTooFew, kDiscards, kRaise,
               [](const Facts& f, const Need&) { return Old(f) && Few(f.max_bytes, kLeastBytes); }, Bytes},
    StreamRule{"max_bytes", "from 1 MiB on, discard old", kBounded, kDiscards, kRaise,
               [](const Facts& f, const Need&) { return Old(f) && Many(f.max_bytes, kLeastBytes); }, Bytes},
    StreamRule{"max_bytes", "below 1 MiB, discard new", kLettersTooFew, kFull, kRaise,
               [](const Facts& f, const Need&) { return !Old(f) && Few(f.max_bytes, kLeastBytes); }, Bytes},
    StreamRule{"max_bytes", "from 1 MiB on, discard new", kLettersBounded, kFull, kRaise,
               [](const Facts& f, const Need&) { return !Old(f) && Many(f.max_bytes, kLeastBytes); }, Bytes},
    StreamRule{"max_msgs_per_subject", "below 1,000", {kFits, kConsumeOnly, kRefused, kMustMatch, kFits}, kDiscards, kRaise,
               [](const Facts& f, const Need&) {
                 return OldOfSubject(f) && Few(f.max_messages_per_subject, kLeastMessages);
               },
               PerSubject},
    StreamRule{"max_msgs_per_subject", "from 1,000 on", {kFits, kWarns, kWarns, kMustMatch, kFits}, kDiscards, kRaise,
               [](const Facts& f, const Need&) {
                 return OldOfSubject(f) && Many(f.max_messages_per_subject, kLeastMessages);
               },
               PerSubject},
    StreamRule{"max_msgs_per_subject", "below 1,000, discard_new_per_subject", {kFits, kFits, kRefused, kMustMatch, kFits},
               kFull, kRaise,
               [](const Facts& f, const Need&) {
                 return !OldOfSubject(f) && Few(f.max_messages_per_subject, kLeastMessages);
               },
               PerSubject},
    StreamRule{"max_msgs_per_subject", "from 1,000 on, discard_new_per_subject", {kFits, kFits, kWarns, kMustMatch, kFits},
               kFull, kRaise,
               [](const Facts& f, const Need&) {
                 return !OldOfSubject(f) && Many(f.max_messages_per_subject, kLeastMessages);
               },
               PerSubject},
    StreamRule{"max_msgs_per_subject", "other than 1, or with discard_new_per_subject",
               {kFits, kFits, kFits, kFits, kRefused}, "a delayed message cannot be replaced or called off",
               "set it to 1, and discard_new_per_subject to false",
               [](const Facts& f, const Need&) { return f.max_messages_per_subject != 1 || !OldOfSubject(f); },
               PerSubject},
    StreamRule{"max_age", "below 1 min", {kFits, kConsumeOnly, kRefused, kMustMatch, kRefused}, kDiscards, kRaise,
               [](const Facts& f, const Need&) { return f.max_age.count() > 0 && f.max_age < kLeastAge; }, Age},
    StreamRule{"max_age", "from 1 min on, and less than asked for", {kFits, kWarns, kWarns, kMustMatch, kWarns}, kDiscards,
               kRaise, ShorterThanAsked, Age},
    StreamRule{"max_msg_size", "below 1 KiB", kTooFew, "no event fits beside the headers of its dead letter", kRaise,
               [](const Facts& f, const Need&) { return Few(f.max_message_bytes, kLeastEventBytes); }, MessageBytes},
    StreamRule{"max_msg_size", "from 1 KiB on, and below 64 KiB", kLettersTooFew,
               "letters do not fit, and their keys wait", kRaise,
               [](const Facts& f, const Need&) {
                 return Many(f.max_message_bytes, kLeastEventBytes) && Few(f.max_message_bytes, kLeastLetterBytes);
               },
               MessageBytes},
    StreamRule{"max_msg_size", "from 64 KiB on, and less than the server's max_payload", kLettersBounded,
               "a letter that does not fit is stored without its body", kRaise,
               [](const Facts& f, const Need& n) {
                 return Many(f.max_message_bytes, kLeastLetterBytes) &&
                        f.max_message_bytes < static_cast<std::int64_t>(n.max_payload_bytes);
               },
               MessageBytes},
    StreamRule{"duplicate_window", "less than publish_timeout and less than asked for", {kWarns, kWarns, kWarns, kFits, kWarns},
               "a message that is sent again can be stored twice", "raise it to twice publish_timeout",
               [](const Facts& f, const Need& n) {
                 return f.duplicate_window < n.publish_timeout && f.duplicate_window < WantedWindow(n);
               },
               [](const Facts& f) { return Milliseconds(f.duplicate_window); }},
    StreamRule{"num_replicas", "fewer than asked for", {kWarns, kWarns, kWarns, kMustMatch, kWarns},
               "fewer servers may fail than was asked for", "raise it",
               [](const Facts& f, const Need& n) { return f.replicas < n.wanted.replicas; },
               [](const Facts& f) { return Number(f.replicas); }},
    StreamRule{"subject_delete_marker_ttl", "set", {kWarns, kWarns, kWarns, kMustMatch, kWarns},
               "markers of expired messages come as messages without a body", "remove it",
               [](const Facts& f, const Need&) { return f.marker_ttl.count() > 0; },
               [](const Facts& f) { return Milliseconds(f.marker_ttl); }},
    Any("allow_atomic"),
    Any("allow_batched"),
    Any("allow_direct"),
    Any("allow_msg_schedules"),
    Any("allow_msg_ttl"),
    Any("compression"),
    Any("consumer_limits"),
    Any("deny_purge"),
    Any("description"),
    Any("discard"),
    Any("discard_new_per_subject"),
    Any("first_seq"),
    Any("max_consumers"),
    Any("metadata"),
    Any("mirror_direct"),
    Any("name"),
    Any("placement"),
    Any("republish"),
};

}  // namespace

std::string_view VerdictName(StreamVerdict verdict) {
  switch (verdict) {
    case kFits:
      return "fits";
    case kWarns:
      return "warns";
    case kStorage:
      return "`storage_mismatch`";
    case kMustMatch:
      return "must match";
    case kConsumeOnly:
      return "consume only";
    case kPublishOnly:
      return "publish only";
    case kRefused:
      return "refused";
  }
  return "";
}

std::span<const StreamRule> StreamRules() { return kRules; }

}  // namespace penstock::eventbus
