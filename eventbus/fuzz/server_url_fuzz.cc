// SPDX-License-Identifier: Apache-2.0
// URLs of servers, as users write them and as servers tell them of each other.
#include <string>

#include "fuzz_target.h"
#include "naming/names.h"
#include "naming/server_url.h"

namespace penstock::eventbus {
namespace {

using fuzz::Require;

// Whether what stands before an "@" is never shown.
bool HidesCredentials(std::string_view redacted) {
  for (std::size_t at = redacted.find('@'); at != redacted.npos; at = redacted.find('@', at + 1)) {
    if (!redacted.substr(0, at).ends_with("***")) return false;
  }
  return true;
}

void CheckUrl(std::string_view url) {
  const std::string redacted = RedactUrl(url);
  Require(HidesCredentials(redacted), "what is shown of a text has no credentials");
  const absl::StatusOr<UrlFacts> facts = ReadUrl(url);
  CheckHostname("server_name", url).IgnoreError();
  if (!facts.ok()) return;
  const absl::StatusOr<UrlFacts> shown = ReadUrl(redacted);
  Require(facts->has_credentials || redacted == url, "without credentials a URL is shown as it is");
  if (facts->servers.empty()) return;
  Require(shown.ok() && shown->tls == facts->tls, "what is shown of a URL names the same servers");
  Require(shown->has_credentials == facts->has_credentials, "what is shown of a URL says that it has credentials");
}

}  // namespace
}  // namespace penstock::eventbus

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::CheckUrl(penstock::fuzz::TextOf(data, size));
  return 0;
}
