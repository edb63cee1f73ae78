// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/server_info.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jetstream/protocol/json.h"
#include "jetstream/protocol/protocol_parser.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kInfo = "INFO ";
constexpr std::string_view kError = "-ERR";
// Longer than any server's; nats.c 3.4.1 overflows a buffer at lines of some KiB (nats.c pull request 632).
constexpr std::size_t kMaxTextBytes = 128;
constexpr std::size_t kMaxUrls = 256;

std::string ShortText(const Json& info, const char* name) {
  std::string text = StringMember(info, name);
  return text.size() <= kMaxTextBytes ? text : std::string();
}

std::string LineForLibrary(const Json& info, std::size_t max_payload_bytes) {
  Json line = {{"server_id", ShortText(info, "server_id")},
               {"version", ShortText(info, "version")},
               {"proto", std::clamp<std::int64_t>(IntMember(info, "proto").value_or(0), 0, 1)},
               {"headers", BoolMember(info, "headers")},
               {"auth_required", BoolMember(info, "auth_required")},
               {"max_payload", max_payload_bytes}};
  if (std::string nonce = ShortText(info, "nonce"); !nonce.empty()) line["nonce"] = std::move(nonce);
  return absl::StrCat("INFO ", WriteJson(line), "\r\n");
}

}  // namespace

absl::StatusOr<ServerInfo> ParseServerInfo(std::string_view line) {
  if (line.starts_with(kError)) {
    return absl::UnavailableError(absl::StrCat("the server refuses: ", Quoted(ErrorText(line))));
  }
  if (!line.starts_with(kInfo)) return absl::UnavailableError("what answers is no NATS server; check host and port");
  const Json json = ParseJson(line.substr(kInfo.size()));
  const std::int64_t max_payload = IntMember(json, "max_payload").value_or(0);
  if (!json.is_object() || max_payload <= 0) {
    return absl::UnavailableError("the server's INFO makes no sense; check that it is a NATS server");
  }
  ServerInfo info;
  info.max_payload_bytes = std::min(static_cast<std::size_t>(max_payload), ProtocolParser::kMaxMessageBytes);
  info.tls_required = BoolMember(json, "tls_required");
  info.tls_available = BoolMember(json, "tls_available");
  info.clustered = !StringMember(json, "cluster").empty();
  info.version = ShortText(json, "version");
  info.name = ShortText(json, "server_name");
  info.cluster = ShortText(json, "cluster");
  info.lame_duck = BoolMember(json, "ldm");
  info.connect_urls = StringsMember(json, "connect_urls");
  if (info.connect_urls.size() > kMaxUrls) info.connect_urls.resize(kMaxUrls);
  info.line_for_library = LineForLibrary(json, info.max_payload_bytes);
  return info;
}

std::string_view ErrorText(std::string_view line) {
  if (!line.starts_with(kError)) return {};
  line.remove_prefix(kError.size());
  while (line.starts_with(' ') || line.starts_with('\'')) line.remove_prefix(1);
  while (line.ends_with(' ') || line.ends_with('\'')) line.remove_suffix(1);
  return line;
}

}  // namespace penstock::eventbus::jetstream
