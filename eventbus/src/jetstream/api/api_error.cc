// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/api_error.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

using Code = absl::StatusCode;
using enum RefusalDuration;

struct ApiRow {
  int number;  // JetStream's error code, or HTTP's
  Code code;
  RefusalDuration duration;
  const char* remedy;
};

constexpr const char* kLastingMark = "penstock/lasting";
constexpr const char* kEnableJetStream = "enable JetStream on the server and for this account";
constexpr const char* kWait = "the server may need a moment";
constexpr const char* kCheckDisk = "check the stream's limits and the server's disk";
constexpr const char* kCheckPermissions = "check the permissions of this user";

constexpr std::array kApiRows = {
    ApiRow{10003, Code::kInvalidArgument, kUntilHealed, ""},                       // bad request
    ApiRow{10008, Code::kUnavailable, kMoment, kWait},                             // temporarily unavailable
    ApiRow{10009, Code::kUnavailable, kMoment, kWait},                             // cluster: no leader
    ApiRow{10013, Code::kAlreadyExists, kUntilHealed, "another process owns it"},  // consumer name in use
    ApiRow{10014, Code::kNotFound, kUntilHealed, ""},                              // consumer not found
    ApiRow{10012, Code::kFailedPrecondition, kUntilHealed,
           "delete the consumer, or use it as it is"},  // consumer create
    ApiRow{10023, Code::kResourceExhausted, kUntilHealed,
           "raise the server's JetStream limits"},            // insufficient resources
    ApiRow{10025, Code::kInvalidArgument, kUntilHealed, ""},  // invalid JSON
    ApiRow{10026, Code::kResourceExhausted, kUntilHealed, "raise the stream's max_consumers"},
    ApiRow{10027, Code::kResourceExhausted, kUntilHealed, "raise the account's max_streams"},
    ApiRow{10028, Code::kResourceExhausted, kUntilHealed, "raise the account's JetStream memory limit"},
    ApiRow{10035, Code::kPermissionDenied, kUntilHealed, kCheckPermissions},
    ApiRow{10037, Code::kNotFound, kUntilHealed, ""},                     // no message found
    ApiRow{10039, Code::kFailedPrecondition, kOutage, kEnableJetStream},  // not enabled for account
    ApiRow{10043, Code::kNotFound, kUntilHealed, ""},                     // sequence not found
    ApiRow{10047, Code::kResourceExhausted, kUntilHealed, "raise the server's JetStream storage limit"},
    ApiRow{10052, Code::kFailedPrecondition, kUntilHealed, "check the stream's limits"},  // invalid stream config
    ApiRow{10054, Code::kInvalidArgument, kUntilHealed, "send less, or raise the stream's max_msg_size"},
    ApiRow{api_code::kMessageNotDeleted, Code::kFailedPrecondition, kUntilHealed,
           "check the stream's deny_delete and the server's disk"},
    ApiRow{10058, Code::kAlreadyExists, kUntilHealed, ""},       // stream name in use
    ApiRow{10059, Code::kNotFound, kUntilHealed, ""},            // stream not found
    ApiRow{10060, Code::kFailedPrecondition, kUntilHealed, ""},  // expected stream does not match
    ApiRow{api_code::kSubjectsOverlap, Code::kFailedPrecondition, kUntilHealed,
           "use another base stream name or topic"},
    ApiRow{10071, Code::kAborted, kUntilHealed, ""},  // wrong last sequence
    ApiRow{10074, Code::kFailedPrecondition, kUntilHealed, "ask for fewer replicas, or add servers"},
    ApiRow{10076, Code::kFailedPrecondition, kOutage, kEnableJetStream},  // not enabled
    ApiRow{10077, Code::kResourceExhausted, kUntilHealed, kCheckDisk},    // store failed
    ApiRow{10093, Code::kFailedPrecondition, kUntilHealed, "add the topic's subject to the stream"},
    ApiRow{10098, Code::kFailedPrecondition, kUntilHealed, "a work queue takes explicit acknowledgements only"},
    ApiRow{10099, Code::kFailedPrecondition, kLasting, "a work queue takes one consumer per subject"},
    ApiRow{10100, Code::kFailedPrecondition, kLasting, "a work queue takes one consumer per subject"},
    ApiRow{10101, Code::kFailedPrecondition, kUntilHealed, "a work queue takes consumers that begin with everything"},
    ApiRow{10105, Code::kAlreadyExists, kUntilHealed, "another process owns it"},  // consumer exists and is active
    ApiRow{10109, Code::kFailedPrecondition, kUntilHealed, "the stream is sealed"},
    ApiRow{10116, Code::kFailedPrecondition, kUntilHealed, "take backoff off the consumer"},
    ApiRow{10121, Code::kFailedPrecondition, kUntilHealed, "lower max_in_flight"},  // max_ack_pending over the limit
    ApiRow{10148, Code::kAlreadyExists, kUntilHealed, ""},                          // consumer already exists
    ApiRow{api_code::kMessageIdInProcess, Code::kUnavailable, kMoment, kWait},
    ApiRow{10169, Code::kFailedPrecondition, kUntilHealed, "the stream takes only increments of counters"},
    ApiRow{10167, Code::kUnavailable, kMoment, "lower publish_window"},  // too many requests
    // Those without a row above go by their class.
    ApiRow{400, Code::kFailedPrecondition, kUntilHealed, ""},
    ApiRow{401, Code::kPermissionDenied, kUntilHealed, kCheckPermissions},
    ApiRow{403, Code::kPermissionDenied, kUntilHealed, kCheckPermissions},
    ApiRow{404, Code::kNotFound, kUntilHealed, ""},
    ApiRow{408, Code::kUnavailable, kMoment, kWait},
    ApiRow{429, Code::kUnavailable, kMoment, kWait},
    ApiRow{503, Code::kUnavailable, kMoment, kWait},
};

const ApiRow& RowOf(const ApiError& error) {
  static constexpr ApiRow kUnknown = {0, Code::kInternal, kUntilHealed, ""};
  for (const int number : {error.err_code, error.code}) {
    const auto* const row = std::ranges::find(kApiRows, number, &ApiRow::number);
    if (row != kApiRows.end()) return *row;
  }
  return kUnknown;
}

}  // namespace

Code CodeOf(const ApiError& error) { return RowOf(error).code; }
RefusalDuration DurationOf(const ApiError& error) { return RowOf(error).duration; }
bool IsInProcess(const ApiError& error) { return error.err_code == api_code::kMessageIdInProcess; }

absl::Status ApiStatus(std::string_view what, const ApiError& error) {
  const ApiRow& row = RowOf(error);
  absl::Status status(row.code, absl::StrCat(std::string(what), ": ", error.description, " (JetStream error ",
                                             error.err_code == 0 ? error.code : error.err_code, ")",
                                             *row.remedy == '\0' ? "" : "; ", row.remedy));
  return row.duration == kLasting ? MarkedAsLasting(std::move(status)) : status;
}

absl::Status MarkedAsLasting(absl::Status status) {
  status.SetPayload(kLastingMark, absl::Cord());
  return status;
}

bool IsMarkedAsLasting(const absl::Status& status) { return status.GetPayload(kLastingMark).has_value(); }

absl::Status Unmarked(absl::Status status) {
  status.ErasePayload(kLastingMark);
  return status;
}

}  // namespace penstock::eventbus::jetstream
