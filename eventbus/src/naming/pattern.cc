// SPDX-License-Identifier: Apache-2.0
#include "naming/pattern.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

constexpr std::string_view kWildcards = "*>";
constexpr const char* kHint =
    "; join tokens by single dots, with * for one whole token and > for the rest at the end, such as chat.* or chat.>";

// A topic that the pattern takes, where it takes any: its faults are those of the pattern.
std::string Specimen(std::string_view pattern) {
  std::string topic;
  for (std::size_t at = 0; at <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('.', at), pattern.size());
    const std::string_view token = pattern.substr(at, end - at);
    const bool wildcard = token == "*" || (token == ">" && end == pattern.size());
    topic.append(at == 0 ? "" : ".").append(wildcard ? "x" : token);
    at = end + 1;
  }
  return topic;
}

std::string FaultOf(std::string_view pattern) {
  const std::string topic = Specimen(pattern);
  const std::size_t stray = topic.find_first_of(kWildcards);
  if (stray == std::string::npos) return TopicFault(topic);
  return topic[stray] == '*' ? "the pattern has * inside a token" : "the pattern has > that is not its last token";
}

}  // namespace

bool IsPattern(std::string_view text) { return text.find_first_of(kWildcards) != std::string_view::npos; }

absl::Status CheckPattern(std::string_view what, std::string_view pattern) {
  const std::string fault = FaultOf(pattern);
  if (fault.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " ", Quoted(pattern), ": ", fault, kHint));
}

std::optional<std::string> TopicOfStream(std::string_view base, std::string_view stream) {
  if (stream.size() <= base.size() + 1 || !stream.starts_with(base) || stream[base.size()] != '_') return std::nullopt;
  const std::string_view suffix = stream.substr(base.size() + 1);
  std::string topic;
  for (std::size_t at = 0; at < suffix.size(); ++at) {
    const bool escaped = suffix[at] == '-' && at + 1 < suffix.size();
    if (escaped) ++at;
    topic += !escaped && suffix[at] == '_' ? '.' : suffix[at];
  }
  const bool is_ours = CheckTopic("", topic, base).ok() && StreamName(base, topic) == stream;
  return is_ours ? std::optional(std::move(topic)) : std::nullopt;
}

}  // namespace penstock::eventbus
