// SPDX-License-Identifier: Apache-2.0
#include "naming/names.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "naming/characters.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock {
namespace {

constexpr std::string_view kDeadLetters = "_dead_letters";
// No topic's stream has this name, since none has a single `-` behind its base.
constexpr std::string_view kDelayed = "-delayed";

}  // namespace

std::string StreamName(std::string_view base, std::string_view topic) {
  std::string name(base);
  name += '_';
  for (const char c : topic) {
    if (c == '_' || c == '-') name += '-';
    name += c == '.' ? '_' : c;
  }
  return name;
}

std::string DeadLetterStreamName(std::string_view base) { return std::string(base).append(kDeadLetters); }
std::string DelayedStreamName(std::string_view base) { return std::string(base).append(kDelayed); }

namespace eventbus {

namespace {

constexpr std::size_t kMaxTopicBytes = 255;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxServerNameBytes = 255;
constexpr std::size_t kMaxSubjectPrefixBytes = 128;
constexpr std::size_t kMaxHeaders = 64;
constexpr std::size_t kMaxHeaderNameBytes = 128;
constexpr std::size_t kMaxHeaderValueBytes = 4096;
constexpr std::size_t kMaxAggregateIdBytes = 256;
constexpr std::string_view kTopicHint = "use 1 to 255 bytes, tokens of [A-Za-z0-9_-] joined by single dots";

// Debian 12's absl views are not std's, hence the strings.
template <typename... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(parts)...));
}

std::string At(std::string_view text, std::size_t position) {
  return absl::StrCat("has ", Quoted(text.substr(position, FirstCodePoint(text.substr(position)).size)), " at byte ",
                      position);
}

std::string TooLong(std::size_t size, std::size_t most) {
  return absl::StrCat("is ", size, " bytes long; use at most ", most);
}

std::string_view FirstToken(std::string_view topic) { return topic.substr(0, topic.find('.')); }

bool IsHeaderNameCharacter(char c) {
  return IsNameCharacter(c) || (c != '\0' && std::string_view("!#$%&'*+.^`|~").find(c) != std::string_view::npos);
}

bool BeginsWith(std::string_view text, std::string_view prefix) {
  return absl::StartsWithIgnoreCase({text.data(), text.size()}, {prefix.data(), prefix.size()});
}

absl::Status CheckHeaderName(std::string_view name) {
  if (name.empty()) return Invalid("a header's name is empty; use [!#$%&'*+.^_`|~0-9A-Za-z-]");
  if (name.size() > kMaxHeaderNameBytes)
    return Invalid("header ", Quoted(name), " ", TooLong(name.size(), kMaxHeaderNameBytes));
  const auto bad = std::ranges::find_if_not(name, IsHeaderNameCharacter);
  if (bad != name.end()) {
    return Invalid("header ", Quoted(name), " ", At(name, static_cast<std::size_t>(bad - name.begin())),
                   "; use [!#$%&'*+.^_`|~0-9A-Za-z-]");
  }
  // Work that a handler gave to another thread passes its fence on.
  if (SameName(name, header::kFence)) return absl::OkStatus();
  if (BeginsWith(name, "Nats-") || BeginsWith(name, "Penstock-")) {
    return Invalid("header ", Quoted(name), " is not yours to set; choose a name without Nats- and Penstock-");
  }
  return absl::OkStatus();
}

absl::Status CheckHeaderValue(std::string_view name, std::string_view value) {
  if (value.size() > kMaxHeaderValueBytes) {
    return Invalid("header ", Quoted(name), ": its value ", TooLong(value.size(), kMaxHeaderValueBytes));
  }
  const std::size_t bad = value.find_first_of(std::string_view("\r\n\0", 3));
  if (bad == std::string_view::npos) return absl::OkStatus();
  return Invalid("header ", Quoted(name), ": its value ", At(value, bad), "; encode it, for instance as base64");
}

}  // namespace

std::string TopicFault(std::string_view topic) {
  if (topic.empty()) return "the topic is empty";
  if (topic.size() > kMaxTopicBytes) return absl::StrCat("the topic is ", topic.size(), " bytes long");
  const auto bad = std::ranges::find_if_not(topic, [](char c) { return IsNameCharacter(c) || c == '.'; });
  if (bad != topic.end()) return "the topic " + At(topic, static_cast<std::size_t>(bad - topic.begin()));
  if (topic.front() == '.' || topic.back() == '.' || topic.find("..") != std::string_view::npos) {
    return "the topic has an empty token";
  }
  const std::string_view first = FirstToken(topic);
  if (first == "_INBOX" || first == "_R_" || first == "_GR_") return "the topic begins where NATS keeps its replies";
  return {};
}

absl::Status CheckTopic(std::string_view what, std::string_view topic, std::string_view base) {
  const std::string fault = TopicFault(topic);
  if (!fault.empty()) return Invalid(what, " ", Quoted(topic), ": ", fault, "; ", kTopicHint);
  const std::string stream = StreamName(base, topic);
  const std::string dead_letters = DeadLetterStreamName(base);
  if (stream == dead_letters || FirstToken(topic) == dead_letters) {
    return Invalid(what, " ", Quoted(topic), ": the topic is kept for dead letters; choose another");
  }
  if (FirstToken(topic) == DelayedStreamName(base)) {
    return Invalid(what, " ", Quoted(topic), ": the topic is kept for delayed messages; choose another");
  }
  if (stream.size() > kMaxServerNameBytes) {
    return Invalid(what, " ", Quoted(topic), ": the name of its stream ", TooLong(stream.size(), kMaxServerNameBytes),
                   ", by a shorter topic or base_stream_name");
  }
  return absl::OkStatus();
}

absl::Status CheckName(std::string_view field, std::string_view name) {
  constexpr const char* kHint = "; use 1 to 64 bytes of [A-Za-z0-9_-]";
  if (name.empty()) return BadField(field, absl::StrCat("is empty", kHint));
  if (name.size() > kMaxNameBytes) return BadField(field, TooLong(name.size(), kMaxNameBytes));
  const auto bad = std::ranges::find_if_not(name, IsNameCharacter);
  if (bad == name.end()) return absl::OkStatus();
  return BadField(field, At(name, static_cast<std::size_t>(bad - name.begin())) + kHint);
}

absl::Status CheckSubjectPrefix(std::string_view field, std::string_view prefix) {
  constexpr const char* kHint = "; use tokens of visible ASCII without * > \" and \\, joined by single dots";
  const auto is_plain = [](char c) {
    return IsVisibleAscii(c) && std::string_view("*>\"\\").find(c) == std::string_view::npos;
  };
  if (prefix.empty()) return BadField(field, absl::StrCat("is empty", kHint));
  if (prefix.size() > kMaxSubjectPrefixBytes) return BadField(field, TooLong(prefix.size(), kMaxSubjectPrefixBytes));
  const auto bad = std::ranges::find_if_not(prefix, is_plain);
  if (bad != prefix.end()) {
    return BadField(field, absl::StrCat(At(prefix, static_cast<std::size_t>(bad - prefix.begin())), kHint));
  }
  const bool empty_token = prefix.front() == '.' || prefix.back() == '.' || prefix.find("..") != std::string_view::npos;
  return Require(!empty_token, field, absl::StrCat("is ", Quoted(prefix), ", which has an empty token", kHint));
}

absl::Status CheckHeaders(const Headers& headers) {
  if (headers.size() > kMaxHeaders) {
    return BadField("headers", absl::StrCat("has ", headers.size(), " entries; use at most ", kMaxHeaders));
  }
  for (const auto& [name, value] : headers) {
    if (absl::Status status = CheckHeaderName(name); !status.ok()) return status;
    if (absl::Status status = CheckHeaderValue(name, value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckVisibleAscii(std::string_view field, std::string_view value, std::size_t max_bytes,
                               Presence presence) {
  if (value.empty() && presence == Presence::kRequired) {
    return BadField(field, absl::StrCat("is empty; use 1 to ", max_bytes, " bytes of visible ASCII"));
  }
  if (value.size() > max_bytes) return BadField(field, TooLong(value.size(), max_bytes));
  const std::size_t bad = FindNotVisibleAscii(value);
  if (bad == std::string_view::npos) return absl::OkStatus();
  return BadField(field, At(value, bad) + "; use visible ASCII, without spaces");
}

absl::Status CheckAggregateId(std::string_view field, std::string_view id) {
  if (id.empty()) return BadField(field, "is empty; set the ID of what the message is about");
  if (id.size() > kMaxAggregateIdBytes) return BadField(field, TooLong(id.size(), kMaxAggregateIdBytes));
  const std::size_t bad = FindInvisible(id);
  if (bad == std::string_view::npos) return absl::OkStatus();
  return BadField(field, At(id, bad) + "; use UTF-8 without spaces and control characters");
}

absl::Status BadField(std::string_view field, std::string_view fault) {
  return Invalid("field ", Quoted(field), " ", fault);
}

absl::Status Require(bool holds, std::string_view field, std::string_view fault) {
  return holds ? absl::OkStatus() : BadField(field, fault);
}

bool SameName(std::string_view one, std::string_view other) {
  return one.size() == other.size() &&
         (one == other || absl::EqualsIgnoreCase({one.data(), one.size()}, {other.data(), other.size()}));
}

absl::Status Prefixed(std::string_view what, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(std::string(what), ": ", status.message()));
}

}  // namespace eventbus
}  // namespace penstock
