// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace penstock::eventbus::jetstream {

/// The client as the server is told of it, without what nats.c itself signs (JWT, NKey).
struct ClientIdentity {
  std::string name{};
  std::string user{}, password{};
  std::string token{};
  bool encrypted = false;
};

/// The CONNECT line to send in place of `line`, nats.c's: with `identity`, every text escaped (the library splices a
/// password into the JSON as it is). The library connected under the name `admission`, which only it was told.
/// `kPermissionDenied` when the line has another, `kInternal` when it is no CONNECT line.
absl::StatusOr<std::string> RewriteConnectLine(std::string_view line, std::string_view admission,
                                               const ClientIdentity& identity);

}  // namespace penstock::eventbus::jetstream
