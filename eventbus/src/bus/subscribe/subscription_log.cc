// SPDX-License-Identifier: Apache-2.0
// What a subscription writes to the log.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "bus/subscribe/subscription.h"
#include "naming/names.h"

namespace penstock::eventbus {

void Subscription::LogStoredTwice(std::uint64_t count) const {
  Log(LogLevel::kWarning,
      absl::StrFormat("the server stored %d events twice within the duplicate window; the copies are not handled",
                      count));
}

void Subscription::LogVanished(const std::vector<std::uint64_t>& sequences) const {
  Log(LogLevel::kWarning, absl::StrFormat("%d messages were asked for again and do not come, the first of them message "
                                          "%d; their keys go on without them",
                                          sequences.size(), sequences.front()));
}

void Subscription::LogStuck(const Actions& actions) const {
  for (const Action& action : actions.list) {
    if (action.kind != Action::Kind::kStuck) continue;
    Log(LogLevel::kError,
        absl::StrFormat("handler %s has been at message %d for more than %d ms and counts as stuck",
                        Quoted(spec_.handler_name), action.item->sequence, spec_.flow.stuck_after.count()));
  }
}

void Subscription::Log(LogLevel level, const std::string& what) const {
  if (context_.log)
    context_.log(level, absl::StrFormat("subscription %d to %s: %s", spec_.id, Quoted(spec_.topic), what));
}

}  // namespace penstock::eventbus
