// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/pub_ack.h"

#include <algorithm>
#include <string>

#include "jetstream/api/api_client.h"
#include "jetstream/protocol/json.h"
#include "naming/characters.h"
#include "naming/decimal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kPlainBegin = "{\"stream\":\"";
constexpr std::string_view kPlainSequence = "\"seq\":";

bool IsPlain(char c) { return IsVisibleAscii(c) && c != '\\'; }

// The form that nearly every acknowledgement has, read without building a JSON tree. What is no JSON, such as a name
// of other bytes or a number with zeros before it, is left to the parser.
std::optional<PubAck> ReadPlain(std::string_view body) {
  if (body.substr(0, kPlainBegin.size()) != kPlainBegin) return std::nullopt;
  body.remove_prefix(kPlainBegin.size());
  const std::size_t name_end = body.find('"');
  const std::string_view name = body.substr(0, name_end);
  if (name_end == std::string_view::npos || !std::ranges::all_of(name, IsPlain)) return std::nullopt;
  body.remove_prefix(name_end + 1);
  if (body.empty() || body.front() != ',') return std::nullopt;
  body.remove_prefix(std::min(body.find_first_not_of(' ', 1), body.size()));
  if (body.substr(0, kPlainSequence.size()) != kPlainSequence) return std::nullopt;
  body.remove_prefix(kPlainSequence.size());
  if (body.empty() || body.back() != '}' || body.front() == '0') return std::nullopt;
  body.remove_suffix(1);
  const auto sequence = ParseDecimal<std::uint64_t>(body);
  if (!sequence.has_value()) return std::nullopt;
  return PubAck{std::string(name), *sequence, /*duplicate=*/false};
}

}  // namespace

PublishReply ReadPublishReply(std::string_view body) {
  PublishReply reply;
  if (std::optional<PubAck> plain = ReadPlain(body)) {
    reply.ack = *std::move(plain);
  } else {
    const Json json = ParseJson(body);
    if (std::optional<ApiError> error = ReadApiError(json)) {
      reply.kind = PublishReply::Kind::kRefused;
      reply.error = *std::move(error);
      return reply;
    }
    reply.ack = {StringMember(json, "stream"), UintMember(json, "seq").value_or(0), BoolMember(json, "duplicate")};
  }
  const bool stored = reply.ack.sequence > 0 && !reply.ack.stream.empty();
  reply.kind = stored ? PublishReply::Kind::kStored : PublishReply::Kind::kUnclear;
  return reply;
}

}  // namespace penstock::eventbus::jetstream
