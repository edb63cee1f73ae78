// SPDX-License-Identifier: Apache-2.0
#include "package_state.h"

namespace penstock::demo {
namespace {

// FNV-1a: order-sensitive, which is all that is asked of it.
std::uint64_t Digest(std::uint64_t digest, std::string_view text) {
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (digest ^ '\n') * 0x100000001b3;
}

}  // namespace

void PackageState::Apply(const LogEvent& event, std::string_view line) {
  ++events;
  digest = Digest(digest, line);
  if (event.action != Action::kStatus) return;  // an intention; dpkg reports each change of state in a line of its own
  status = event.status;
  version = event.version;
}

bool BeginsAHistory(const LogEvent& first) { return first.action == Action::kInstall && first.version.empty(); }

}  // namespace penstock::demo
