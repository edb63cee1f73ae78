// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

// What is written in the bucket of sessions and claims. Read back from there, any of it may have been written by
// others: what cannot be read is empty.
namespace penstock::eventbus::jetstream {

/// The value of a claim.
struct ClaimValue {
  std::string session{};  ///< that it was won in; empty: nobody's
  std::string inboxes{};  ///< the prefix of the inboxes that the consumer is bound to under it
  std::string report{};   ///< an encoded `SettledReport`, the latest that is known; empty: none

  bool operator==(const ClaimValue&) const = default;
};
std::string Format(const ClaimValue& claim);
ClaimValue ParseClaim(std::string_view text);

/// The value of a session: who holds it, and what it has settled of its consumers.
struct SessionValue {
  std::string holder{};
  std::map<std::string, std::string> reports{};  ///< encoded `SettledReport`s, by consumer
};
std::string Format(const SessionValue& session);
SessionValue ParseSession(std::string_view text);

}  // namespace penstock::eventbus::jetstream
