// SPDX-License-Identifier: Apache-2.0
#include "naming/server_url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "naming/characters.h"
#include "naming/decimal.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMaxHostBytes = 253;
constexpr std::size_t kMaxBusNameBytes = 64;
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kDefaultPort = "4222";

struct UrlParts {
  std::string_view scheme{};  // without "://"; empty: there is none
  std::optional<std::string_view> user_info{};
  std::string_view host{};
  std::optional<std::string_view> port{};
  std::string_view tail{};  // from a "/", "?" or "#" behind host and port on
};

std::string_view SchemeOf(std::string_view url) {
  const std::size_t end = url.find(kSchemeEnd);
  if (end == std::string_view::npos || !std::ranges::all_of(url.substr(0, end), absl::ascii_isalpha)) return {};
  return url.substr(0, end);
}

UrlParts Split(std::string_view url) {
  UrlParts parts{.scheme = SchemeOf(url)};
  if (!parts.scheme.empty()) url.remove_prefix(parts.scheme.size() + kSchemeEnd.size());
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    parts.user_info = url.substr(0, at);
    url.remove_prefix(at + 1);
  }
  const std::size_t end = std::min(url.find_first_of("/?#"), url.size());
  parts.tail = url.substr(end);
  url = url.substr(0, end);
  const std::size_t bracket = url.rfind(']');
  const std::size_t colon = url.find(':', bracket == std::string_view::npos ? 0 : bracket);
  parts.host = url.substr(0, colon);
  if (colon != std::string_view::npos) parts.port = url.substr(colon + 1);
  return parts;
}

bool IsIpv6(std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET6, std::string(text).c_str(), address.data()) == 1;
}

bool IsHost(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') return IsIpv6(host.substr(1, host.size() - 2));
  return !host.empty() && host.size() <= kMaxHostBytes &&
         std::ranges::all_of(host, [](char c) { return IsNameCharacter(c) || c == '.'; });
}

bool IsPort(std::string_view port) { return port.size() <= 5 && ParseDecimal<std::uint16_t>(port).value_or(0) > 0; }

// A slash that nothing follows, as other URLs end.
bool IsTailOfNothing(std::string_view tail) { return tail.empty() || tail == "/"; }

// The fault of the name and password of a server, in words that do not show them.
std::string_view UserInfoFault(std::string_view user_info) {
  if (user_info.empty() || user_info.front() == ':') return "the user before \"@\" is empty";
  if (!std::ranges::all_of(user_info, IsVisibleAscii) || user_info.find_first_of("@/?#[]") != std::string_view::npos) {
    return "user, password or token has a character that must be percent-encoded";
  }
  return {};
}

std::string_view ServerFault(const UrlParts& parts) {
  if (parts.scheme.empty()) return "it has no scheme";
  if (parts.scheme != "nats" && parts.scheme != "tls") return "its scheme is unknown";
  if (parts.user_info.has_value()) {
    if (const std::string_view fault = UserInfoFault(*parts.user_info); !fault.empty()) return fault;
  }
  if (parts.host.empty()) return "its host is empty";
  if (!IsHost(parts.host)) return "its host is neither a name nor an address";
  if (parts.port.has_value() && !IsPort(*parts.port)) return "its port is not 1 to 65535";
  if (!IsTailOfNothing(parts.tail)) return "it goes on behind host and port with a path, a query or a fragment";
  return {};
}

std::string_view BusFault(std::string_view name) {
  if (name.find(kSchemeEnd) != std::string_view::npos) return "an embedded bus stands alone";
  if (name.size() > kMaxBusNameBytes) return "its name is over 64 bytes long";
  if (!std::ranges::all_of(name, IsNameCharacter)) return "its name has more than [A-Za-z0-9_-]";
  return {};
}

absl::Status Broken(std::string_view url, std::size_t number, std::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat("field \"url\" is ", Quoted(RedactUrl(url)), ": server ", number, ": ",
                                                 std::string(fault),
                                                 "; write nats://host:port, tls://host:port or memory://name"));
}

// Where the list's next server begins, as far as can be told when a password may have a comma: at a scheme.
std::size_t NextServer(std::string_view urls) {
  for (std::size_t comma = urls.find(','); comma != std::string_view::npos; comma = urls.find(',', comma + 1)) {
    if (!SchemeOf(urls.substr(comma + 1)).empty()) return comma;
  }
  return urls.size();
}

std::string RedactServer(std::string_view url) {
  const UrlParts parts = Split(url);
  const bool shown = (parts.host.empty() || IsHost(parts.host)) && (!parts.port.has_value() || IsPort(*parts.port));
  std::string out(parts.scheme);
  if (!parts.scheme.empty()) out += kSchemeEnd;
  if (parts.user_info.has_value()) out += shown ? "***@" : "***";
  if (!shown) return parts.user_info.has_value() ? out : out + "***";
  out += parts.host;
  if (parts.port.has_value()) out.append(":").append(*parts.port);
  if (IsTailOfNothing(parts.tail)) out += parts.tail;
  return out;
}

std::string WithoutBrackets(std::string_view host) {
  return std::string(host.starts_with('[') ? host.substr(1, host.size() - 2) : host);
}

ServerAddress AddressOf(const UrlParts& parts) {
  ServerAddress address{.host = WithoutBrackets(parts.host),
                        .port = std::string(parts.port.value_or(kDefaultPort)),
                        .tls = parts.scheme == "tls"};
  if (!parts.user_info.has_value()) return address;
  const std::size_t colon = parts.user_info->find(':');
  if (colon == std::string_view::npos) {
    address.token = PercentDecode(*parts.user_info);
  } else {
    address.user = PercentDecode(parts.user_info->substr(0, colon));
    address.password = PercentDecode(parts.user_info->substr(colon + 1));
  }
  return address;
}

}  // namespace

std::string ServerAddress::Place() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port) : absl::StrCat("[", host, "]:", port);
}

std::optional<ServerAddress> ParsePlace(std::string_view place) {
  const UrlParts parts = Split(place);
  const bool fits = parts.scheme.empty() && !parts.user_info.has_value() && IsHost(parts.host) &&
                    parts.port.has_value() && IsPort(*parts.port) && parts.tail.empty();
  return fits ? std::optional(AddressOf(parts)) : std::nullopt;
}

absl::StatusOr<UrlFacts> ReadUrl(std::string_view url) {
  constexpr std::string_view kMemory = "memory://";
  UrlFacts facts;
  if (url.empty()) return absl::InvalidArgumentError("field \"url\" is empty; write nats://host:port or memory://");
  if (url.starts_with(kMemory)) {
    if (const auto fault = BusFault(url.substr(kMemory.size())); !fault.empty()) return Broken(url, 1, fault);
    return facts;
  }
  std::string_view rest = url;
  for (std::size_t number = 1;; ++number) {
    const std::size_t comma = rest.find(',');
    const UrlParts parts = Split(rest.substr(0, comma));
    if (const auto fault = ServerFault(parts); !fault.empty()) return Broken(url, number, fault);
    facts.tls = facts.tls || parts.scheme == "tls";
    facts.has_credentials = facts.has_credentials || parts.user_info.has_value();
    facts.servers.push_back(AddressOf(parts));
    if (comma == std::string_view::npos) return facts;
    rest.remove_prefix(comma + 1);
  }
}

absl::Status CheckHostname(std::string_view field, std::string_view hostname) {
  if (hostname.empty() || IsHost(hostname)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("field ", Quoted(field), " is ", Quoted(hostname), "; use the name of a host or its address"));
}

std::string RedactUrl(std::string_view url) {
  std::string out;
  while (true) {
    const std::size_t end = NextServer(url);
    out += RedactServer(url.substr(0, end));
    if (end == url.size()) return out;
    out += ',';
    url.remove_prefix(end + 1);
  }
}

}  // namespace penstock::eventbus
