// SPDX-License-Identifier: Apache-2.0
// The first lines of a session: what a server says of itself, and what nats.c says of the client.
#include <string>

#include "fuzz_target.h"
#include "jetstream/protocol/connect_line.h"
#include "jetstream/protocol/json.h"
#include "jetstream/protocol/server_info.h"

namespace penstock::eventbus::jetstream {
namespace {

using fuzz::Require;

void CheckLine(std::string_view line) {
  if (const auto info = ParseServerInfo(line); info.ok()) {
    Require(info->max_payload_bytes > 0 && info->max_payload_bytes <= std::size_t{64} << 20, "a payload has a bound");
    Require(info->line_for_library.size() < 1024, "the library reads a short line");
    Require(info->line_for_library.find('\n') + 1 == info->line_for_library.size(), "the library reads one line");
    Require(info->connect_urls.size() <= 256, "the number of servers has a bound");
  }
  const ClientIdentity identity{.name = "fuzz", .user = std::string(line), .password = "\"\r\n\\"};
  if (const auto connect = RewriteConnectLine(line, "", identity); connect.ok()) {
    Require(connect->find('\n') + 1 == connect->size(), "a client introduces itself in one line");
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  penstock::eventbus::jetstream::CheckLine(penstock::fuzz::TextOf(data, size));
  return 0;
}
