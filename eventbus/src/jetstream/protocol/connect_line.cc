// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/connect_line.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "jetstream/protocol/json.h"

namespace penstock::eventbus::jetstream {

absl::StatusOr<std::string> RewriteConnectLine(std::string_view line, std::string_view admission,
                                               const ClientIdentity& identity) {
  constexpr char kConnect[] = "CONNECT ";
  if (!line.starts_with(kConnect)) return absl::InternalError("connect: nats.c did not begin with CONNECT");
  Json connect = ParseJson(line.substr(sizeof(kConnect) - 1));
  if (!connect.is_object()) return absl::InternalError("connect: nats.c's CONNECT is no JSON object");
  if (StringMember(connect, "name") != admission) {
    return absl::PermissionDeniedError("connect: another program took the place of nats.c");
  }
  connect["name"] = identity.name;
  connect["tls_required"] = identity.encrypted;
  if (!identity.user.empty()) {
    connect["user"] = identity.user;
    connect["pass"] = identity.password;
  }
  if (!identity.token.empty()) connect["auth_token"] = identity.token;
  return absl::StrCat(kConnect, WriteJson(connect), "\r\n");
}

}  // namespace penstock::eventbus::jetstream
