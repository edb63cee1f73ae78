// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ownership/claim_value.h"

#include "absl/strings/str_cat.h"
#include "naming/words.h"

namespace penstock::eventbus::jetstream {

std::string Format(const ClaimValue& claim) {
  if (claim == ClaimValue()) return "";
  std::string text = absl::StrCat(claim.session, " ", claim.inboxes);
  if (!claim.report.empty()) absl::StrAppend(&text, "\n", claim.report);
  return text;
}

ClaimValue ParseClaim(std::string_view text) {
  std::string_view line = TakeUpTo('\n', text);
  const std::string_view session = TakeUpTo(' ', line);
  return {std::string(session), std::string(line), std::string(text)};
}

std::string Format(const SessionValue& session) {
  std::string text = session.holder;
  for (const auto& [consumer, report] : session.reports) absl::StrAppend(&text, "\n", consumer, " ", report);
  return text;
}

SessionValue ParseSession(std::string_view text) {
  SessionValue session{.holder = std::string(TakeUpTo('\n', text))};
  while (!text.empty()) {
    std::string_view line = TakeUpTo('\n', text);
    const std::string_view consumer = TakeUpTo(' ', line);
    session.reports.emplace(consumer, line);
  }
  return session;
}

}  // namespace penstock::eventbus::jetstream
