// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/nats_status.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

using Code = absl::StatusCode;

struct NatsRow {
  natsStatus status;
  Code code;
  const char* remedy;
};

constexpr const char* kCheckServer = "check that the server runs and can be reached";
constexpr const char* kCheckTls = "check that server and options agree on TLS and its certificates";

constexpr std::array kNatsRows = {
    NatsRow{NATS_OK, Code::kOk, ""},
    NatsRow{NATS_ERR, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_PROTOCOL_ERROR, Code::kUnavailable, "check that it is a NATS server"},
    NatsRow{NATS_IO_ERROR, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_LINE_TOO_LONG, Code::kUnavailable, "check that it is a NATS server"},
    NatsRow{NATS_CONNECTION_CLOSED, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_NO_SERVER, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_STALE_CONNECTION, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_SECURE_CONNECTION_WANTED, Code::kFailedPrecondition, kCheckTls},
    NatsRow{NATS_SECURE_CONNECTION_REQUIRED, Code::kFailedPrecondition, kCheckTls},
    NatsRow{NATS_CONNECTION_DISCONNECTED, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_CONNECTION_AUTH_FAILED, Code::kUnauthenticated, "check user, password, token or credentials"},
    NatsRow{NATS_NOT_PERMITTED, Code::kPermissionDenied, "check the permissions of this user"},
    NatsRow{NATS_ADDRESS_MISSING, Code::kInvalidArgument, "check the url"},
    NatsRow{NATS_INVALID_ARG, Code::kInvalidArgument, ""},
    NatsRow{NATS_INVALID_TIMEOUT, Code::kInvalidArgument, ""},
    NatsRow{NATS_ILLEGAL_STATE, Code::kInternal, ""},
    NatsRow{NATS_INSUFFICIENT_BUFFER, Code::kResourceExhausted, ""},
    NatsRow{NATS_NO_MEMORY, Code::kResourceExhausted, ""},
    NatsRow{NATS_SYS_ERROR, Code::kInternal, "check the limits of this process"},
    NatsRow{NATS_TIMEOUT, Code::kDeadlineExceeded, kCheckServer},
    NatsRow{NATS_FAILED_TO_INITIALIZE, Code::kInternal, ""},
    NatsRow{NATS_NOT_INITIALIZED, Code::kInternal, ""},
    NatsRow{NATS_SSL_ERROR, Code::kFailedPrecondition, kCheckTls},
};

// By number: a newer library may report a status that its header of today does not have.
const NatsRow& RowOf(natsStatus status) {
  static constexpr NatsRow kUnknown = {NATS_ERR, Code::kUnknown, ""};
  const int number = status;
  const auto* const row = std::ranges::find(kNatsRows, number, [](const NatsRow& each) { return int{each.status}; });
  return row == kNatsRows.end() ? kUnknown : *row;
}

}  // namespace

Code CodeOf(natsStatus status) { return RowOf(status).code; }

absl::Status NatsError(std::string_view what, natsStatus status) {
  const NatsRow& row = RowOf(status);
  return absl::Status(row.code, absl::StrCat(std::string(what), ": ", absl::AsciiStrToLower(natsStatus_GetText(status)),
                                             *row.remedy == '\0' ? "" : "; ", row.remedy));
}

}  // namespace penstock::eventbus::jetstream
