// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/status_mapping.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

using Code = absl::StatusCode;

struct NatsRow {
  natsStatus status;
  Code code;
  bool connection_fault;
  const char* remedy;
};

constexpr const char* kCheckServer = "check that the server runs and can be reached";
constexpr const char* kCheckTls = "check that server and options agree on TLS and its certificates";

constexpr std::array kNatsRows = {
    NatsRow{NATS_OK, Code::kOk, false, ""},
    NatsRow{NATS_ERR, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_PROTOCOL_ERROR, Code::kUnavailable, true, "check that it is a NATS server"},
    NatsRow{NATS_IO_ERROR, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_LINE_TOO_LONG, Code::kUnavailable, true, "check that it is a NATS server"},
    NatsRow{NATS_CONNECTION_CLOSED, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_NO_SERVER, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_STALE_CONNECTION, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_SECURE_CONNECTION_WANTED, Code::kFailedPrecondition, true, kCheckTls},
    NatsRow{NATS_SECURE_CONNECTION_REQUIRED, Code::kFailedPrecondition, true, kCheckTls},
    NatsRow{NATS_CONNECTION_DISCONNECTED, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_CONNECTION_AUTH_FAILED, Code::kUnauthenticated, true, "check user, password, token or credentials"},
    NatsRow{NATS_NOT_PERMITTED, Code::kPermissionDenied, false, "check the permissions of this user"},
    NatsRow{NATS_NOT_FOUND, Code::kNotFound, false, ""},
    NatsRow{NATS_ADDRESS_MISSING, Code::kInvalidArgument, false, "check the url"},
    NatsRow{NATS_INVALID_SUBJECT, Code::kInvalidArgument, false, "check the subject"},
    NatsRow{NATS_INVALID_ARG, Code::kInvalidArgument, false, ""},
    NatsRow{NATS_INVALID_SUBSCRIPTION, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_INVALID_TIMEOUT, Code::kInvalidArgument, false, ""},
    NatsRow{NATS_ILLEGAL_STATE, Code::kInternal, false, ""},
    NatsRow{NATS_SLOW_CONSUMER, Code::kResourceExhausted, false, ""},
    NatsRow{NATS_MAX_PAYLOAD, Code::kInvalidArgument, false, "send less, or raise max_payload on the server"},
    NatsRow{NATS_MAX_DELIVERED_MSGS, Code::kResourceExhausted, false, ""},
    NatsRow{NATS_INSUFFICIENT_BUFFER, Code::kResourceExhausted, false, ""},
    NatsRow{NATS_NO_MEMORY, Code::kResourceExhausted, false, ""},
    NatsRow{NATS_SYS_ERROR, Code::kInternal, false, "check the limits of this process"},
    NatsRow{NATS_TIMEOUT, Code::kDeadlineExceeded, true, kCheckServer},
    NatsRow{NATS_FAILED_TO_INITIALIZE, Code::kInternal, false, ""},
    NatsRow{NATS_NOT_INITIALIZED, Code::kInternal, false, ""},
    NatsRow{NATS_SSL_ERROR, Code::kFailedPrecondition, true, kCheckTls},
    NatsRow{NATS_NO_SERVER_SUPPORT, Code::kUnimplemented, false, "use a newer server"},
    NatsRow{NATS_NOT_YET_CONNECTED, Code::kUnavailable, true, kCheckServer},
    NatsRow{NATS_DRAINING, Code::kUnavailable, true, ""},
    NatsRow{NATS_INVALID_QUEUE_NAME, Code::kInvalidArgument, false, ""},
    NatsRow{NATS_NO_RESPONDERS, Code::kUnavailable, false, "check that JetStream is enabled on the server"},
    NatsRow{NATS_MISMATCH, Code::kAborted, false, ""},
    NatsRow{NATS_MISSED_HEARTBEAT, Code::kUnavailable, true, kCheckServer},
};

struct ApiRow {
  int err_code;
  Code code;
  bool transient;
  const char* remedy;
};

constexpr const char* kEnableJetStream = "enable JetStream on the server and for this account";
constexpr const char* kWait = "the server may need a moment";
constexpr const char* kCheckDisk = "check the stream's limits and the server's disk";

constexpr std::array kApiRows = {
    ApiRow{10003, Code::kInvalidArgument, false, ""},                       // bad request
    ApiRow{10008, Code::kUnavailable, true, kWait},                         // temporarily unavailable
    ApiRow{10009, Code::kUnavailable, true, kWait},                         // cluster: no leader
    ApiRow{10013, Code::kAlreadyExists, false, "another process owns it"},  // consumer name in use
    ApiRow{10014, Code::kNotFound, false, ""},                              // consumer not found
    ApiRow{10012, Code::kFailedPrecondition, false, "delete the consumer, or use it as it is"},  // consumer create
    ApiRow{10023, Code::kResourceExhausted, false, "raise the server's JetStream limits"},  // insufficient resources
    ApiRow{10025, Code::kInvalidArgument, false, ""},                                       // invalid JSON
    ApiRow{10026, Code::kResourceExhausted, false, "raise the stream's max_consumers"},
    ApiRow{10027, Code::kResourceExhausted, false, "raise the account's max_streams"},
    ApiRow{10028, Code::kResourceExhausted, false, "raise the account's JetStream memory limit"},
    ApiRow{10035, Code::kPermissionDenied, false, "check the permissions of this user"},
    ApiRow{10037, Code::kNotFound, false, ""},                          // no message found
    ApiRow{10039, Code::kFailedPrecondition, false, kEnableJetStream},  // not enabled for account
    ApiRow{10047, Code::kResourceExhausted, false, "raise the server's JetStream storage limit"},
    ApiRow{10052, Code::kFailedPrecondition, false, "check the stream's limits"},  // invalid stream config
    ApiRow{10054, Code::kInvalidArgument, false, "send less, or raise the stream's max_msg_size"},
    ApiRow{10058, Code::kAlreadyExists, false, ""},       // stream name in use
    ApiRow{10059, Code::kNotFound, false, ""},            // stream not found
    ApiRow{10060, Code::kFailedPrecondition, false, ""},  // expected stream does not match
    ApiRow{10065, Code::kFailedPrecondition, false, "use another base stream name or topic"},  // subjects overlap
    ApiRow{10071, Code::kAborted, false, ""},                                                  // wrong last sequence
    ApiRow{10074, Code::kFailedPrecondition, false, "ask for fewer replicas, or add servers"},
    ApiRow{10076, Code::kFailedPrecondition, false, kEnableJetStream},  // not enabled
    ApiRow{10077, Code::kResourceExhausted, false, kCheckDisk},         // store failed
    ApiRow{10099, Code::kFailedPrecondition, false, "a work queue takes one consumer per subject"},
    ApiRow{10100, Code::kFailedPrecondition, false, "a work queue takes one consumer per subject"},
    ApiRow{10105, Code::kAlreadyExists, false, "another process owns it"},  // consumer exists and is active
    ApiRow{10109, Code::kFailedPrecondition, false, "the stream is sealed"},
    ApiRow{10121, Code::kFailedPrecondition, false, "lower max_in_flight"},  // max_ack_pending over the limit
    ApiRow{10148, Code::kAlreadyExists, false, ""},                          // consumer already exists
    ApiRow{10158, Code::kUnavailable, true, kWait},                          // the same message ID is in process
    ApiRow{10167, Code::kUnavailable, true, "lower publish_window"},         // too many requests
};

const NatsRow& RowOf(natsStatus status) {
  for (const NatsRow& row : kNatsRows) {
    if (row.status == status) return row;
  }
  static constexpr NatsRow kUnknown = {NATS_ERR, Code::kUnknown, false, ""};
  return kUnknown;
}

ApiRow RowOf(const ApiError& error) {
  for (const ApiRow& row : kApiRows) {
    if (row.err_code == error.err_code) return row;
  }
  switch (error.code) {
    case 400:
      return {0, Code::kFailedPrecondition, false, ""};
    case 401:
    case 403:
      return {0, Code::kPermissionDenied, false, "check the permissions of this user"};
    case 404:
      return {0, Code::kNotFound, false, ""};
    case 408:
    case 429:
    case 503:
      return {0, Code::kUnavailable, true, kWait};
    default:
      return {0, Code::kInternal, false, ""};
  }
}

std::string WithRemedy(std::string text, const char* remedy) {
  if (*remedy != '\0') absl::StrAppend(&text, "; ", remedy);
  return text;
}

}  // namespace

Code CodeOf(natsStatus status) { return RowOf(status).code; }
Code CodeOf(const ApiError& error) { return RowOf(error).code; }
bool IsTransient(const ApiError& error) { return RowOf(error).transient; }
bool IsConnectionFault(natsStatus status) { return RowOf(status).connection_fault; }

absl::Status NatsError(std::string_view what, natsStatus status) {
  const NatsRow& row = RowOf(status);
  std::string cause = natsStatus_GetText(status);
  for (char& c : cause) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return absl::Status(row.code, WithRemedy(absl::StrCat(std::string(what), ": ", cause), row.remedy));
}

absl::Status ApiStatus(std::string_view what, const ApiError& error) {
  const ApiRow row = RowOf(error);
  return absl::Status(row.code,
                      WithRemedy(absl::StrCat(std::string(what), ": ", error.description, " (JetStream error ",
                                              error.err_code == 0 ? error.code : error.err_code, ")"),
                                 row.remedy));
}

}  // namespace penstock::eventbus::jetstream
