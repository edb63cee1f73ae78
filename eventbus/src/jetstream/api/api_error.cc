// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/api_error.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

using Code = absl::StatusCode;

struct ApiRow {
  int number;  // JetStream's error code, or HTTP's
  Code code;
  bool transient;
  const char* remedy;
};

constexpr const char* kEnableJetStream = "enable JetStream on the server and for this account";
constexpr const char* kWait = "the server may need a moment";
constexpr const char* kCheckDisk = "check the stream's limits and the server's disk";
constexpr const char* kCheckPermissions = "check the permissions of this user";

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
    ApiRow{10035, Code::kPermissionDenied, false, kCheckPermissions},
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
    ApiRow{api_code::kMessageIdInProcess, Code::kUnavailable, true, kWait},
    ApiRow{10167, Code::kUnavailable, true, "lower publish_window"},  // too many requests
    // Those without a row above go by their class.
    ApiRow{400, Code::kFailedPrecondition, false, ""},
    ApiRow{401, Code::kPermissionDenied, false, kCheckPermissions},
    ApiRow{403, Code::kPermissionDenied, false, kCheckPermissions},
    ApiRow{404, Code::kNotFound, false, ""},
    ApiRow{408, Code::kUnavailable, true, kWait},
    ApiRow{429, Code::kUnavailable, true, kWait},
    ApiRow{503, Code::kUnavailable, true, kWait},
};

const ApiRow& RowOf(const ApiError& error) {
  static constexpr ApiRow kUnknown = {0, Code::kInternal, false, ""};
  for (const int number : {error.err_code, error.code}) {
    const auto* const row = std::ranges::find(kApiRows, number, &ApiRow::number);
    if (row != kApiRows.end()) return *row;
  }
  return kUnknown;
}

}  // namespace

Code CodeOf(const ApiError& error) { return RowOf(error).code; }
bool IsTransient(const ApiError& error) { return RowOf(error).transient; }
bool IsInProcess(const ApiError& error) { return error.err_code == api_code::kMessageIdInProcess; }

absl::Status ApiStatus(std::string_view what, const ApiError& error) {
  const ApiRow& row = RowOf(error);
  return absl::Status(row.code, absl::StrCat(std::string(what), ": ", error.description, " (JetStream error ",
                                             error.err_code == 0 ? error.code : error.err_code, ")",
                                             *row.remedy == '\0' ? "" : "; ", row.remedy));
}

}  // namespace penstock::eventbus::jetstream
