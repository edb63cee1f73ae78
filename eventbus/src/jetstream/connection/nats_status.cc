// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/nats_status.h"

#include <array>
#include <string>

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
    NatsRow{NATS_NOT_FOUND, Code::kNotFound, ""},
    NatsRow{NATS_ADDRESS_MISSING, Code::kInvalidArgument, "check the url"},
    NatsRow{NATS_INVALID_SUBJECT, Code::kInvalidArgument, "check the subject"},
    NatsRow{NATS_INVALID_ARG, Code::kInvalidArgument, ""},
    NatsRow{NATS_INVALID_SUBSCRIPTION, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_INVALID_TIMEOUT, Code::kInvalidArgument, ""},
    NatsRow{NATS_ILLEGAL_STATE, Code::kInternal, ""},
    NatsRow{NATS_SLOW_CONSUMER, Code::kResourceExhausted, ""},
    NatsRow{NATS_MAX_PAYLOAD, Code::kInvalidArgument, "send less, or raise max_payload on the server"},
    NatsRow{NATS_MAX_DELIVERED_MSGS, Code::kResourceExhausted, ""},
    NatsRow{NATS_INSUFFICIENT_BUFFER, Code::kResourceExhausted, ""},
    NatsRow{NATS_NO_MEMORY, Code::kResourceExhausted, ""},
    NatsRow{NATS_SYS_ERROR, Code::kInternal, "check the limits of this process"},
    NatsRow{NATS_TIMEOUT, Code::kDeadlineExceeded, kCheckServer},
    NatsRow{NATS_FAILED_TO_INITIALIZE, Code::kInternal, ""},
    NatsRow{NATS_NOT_INITIALIZED, Code::kInternal, ""},
    NatsRow{NATS_SSL_ERROR, Code::kFailedPrecondition, kCheckTls},
    NatsRow{NATS_NO_SERVER_SUPPORT, Code::kUnimplemented, "use a newer server"},
    NatsRow{NATS_NOT_YET_CONNECTED, Code::kUnavailable, kCheckServer},
    NatsRow{NATS_DRAINING, Code::kUnavailable, ""},
    NatsRow{NATS_INVALID_QUEUE_NAME, Code::kInvalidArgument, ""},
    NatsRow{NATS_NO_RESPONDERS, Code::kUnavailable, "check that JetStream is enabled on the server"},
    NatsRow{NATS_MISMATCH, Code::kAborted, ""},
    NatsRow{NATS_MISSED_HEARTBEAT, Code::kUnavailable, kCheckServer},
};

const NatsRow& RowOf(natsStatus status) {
  for (const NatsRow& row : kNatsRows) {
    if (row.status == status) return row;
  }
  static constexpr NatsRow kUnknown = {NATS_ERR, Code::kUnknown, ""};
  return kUnknown;
}

}  // namespace

Code CodeOf(natsStatus status) { return RowOf(status).code; }

absl::Status NatsError(std::string_view what, natsStatus status) {
  const NatsRow& row = RowOf(status);
  std::string text = absl::StrCat(std::string(what), ": ", natsStatus_GetText(status));
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (*row.remedy != '\0') absl::StrAppend(&text, "; ", row.remedy);
  return absl::Status(row.code, text);
}

}  // namespace penstock::eventbus::jetstream
