// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>
#include <string>

#include "jetstream/api/api_error.h"
#include "jetstream/connection/nats_status.h"

namespace penstock::eventbus::jetstream {
namespace {

using Code = absl::StatusCode;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(StatusMappingTest, EveryStatusOfASessionHasItsCode) {
  const std::map<natsStatus, Code> expected = {
      {NATS_OK, Code::kOk},
      {NATS_ERR, Code::kUnavailable},
      {NATS_PROTOCOL_ERROR, Code::kUnavailable},
      {NATS_IO_ERROR, Code::kUnavailable},
      {NATS_LINE_TOO_LONG, Code::kUnavailable},
      {NATS_CONNECTION_CLOSED, Code::kUnavailable},
      {NATS_NO_SERVER, Code::kUnavailable},
      {NATS_STALE_CONNECTION, Code::kUnavailable},
      {NATS_SECURE_CONNECTION_WANTED, Code::kFailedPrecondition},
      {NATS_SECURE_CONNECTION_REQUIRED, Code::kFailedPrecondition},
      {NATS_CONNECTION_DISCONNECTED, Code::kUnavailable},
      {NATS_CONNECTION_AUTH_FAILED, Code::kUnauthenticated},
      {NATS_NOT_PERMITTED, Code::kPermissionDenied},
      {NATS_ADDRESS_MISSING, Code::kInvalidArgument},
      {NATS_INVALID_ARG, Code::kInvalidArgument},
      {NATS_INVALID_TIMEOUT, Code::kInvalidArgument},
      {NATS_ILLEGAL_STATE, Code::kInternal},
      {NATS_INSUFFICIENT_BUFFER, Code::kResourceExhausted},
      {NATS_NO_MEMORY, Code::kResourceExhausted},
      {NATS_SYS_ERROR, Code::kInternal},
      {NATS_TIMEOUT, Code::kDeadlineExceeded},
      {NATS_FAILED_TO_INITIALIZE, Code::kInternal},
      {NATS_NOT_INITIALIZED, Code::kInternal},
      {NATS_SSL_ERROR, Code::kFailedPrecondition},
  };
  // The library numbers its statuses without gaps.
  for (int status = NATS_OK; status <= NATS_MISSED_HEARTBEAT; ++status) {
    const auto row = expected.find(static_cast<natsStatus>(status));
    const Code code = row == expected.end() ? Code::kUnknown : row->second;
    EXPECT_EQ(CodeOf(static_cast<natsStatus>(status)), code) << natsStatus_GetText(static_cast<natsStatus>(status));
  }
  EXPECT_EQ(CodeOf(static_cast<natsStatus>(9999)), Code::kUnknown);
}

TEST(StatusMappingTest, EveryJetStreamErrorOfOursHasItsCode) {
  const std::map<int, Code> expected = {
      {10003, Code::kInvalidArgument},    {10008, Code::kUnavailable},
      {10009, Code::kUnavailable},        {10012, Code::kFailedPrecondition},
      {10013, Code::kAlreadyExists},      {10014, Code::kNotFound},
      {10023, Code::kResourceExhausted},  {10025, Code::kInvalidArgument},
      {10026, Code::kResourceExhausted},  {10027, Code::kResourceExhausted},
      {10028, Code::kResourceExhausted},  {10035, Code::kPermissionDenied},
      {10037, Code::kNotFound},           {10039, Code::kFailedPrecondition},
      {10047, Code::kResourceExhausted},  {10052, Code::kFailedPrecondition},
      {10054, Code::kInvalidArgument},    {10058, Code::kAlreadyExists},
      {10059, Code::kNotFound},           {10060, Code::kFailedPrecondition},
      {10065, Code::kFailedPrecondition}, {10071, Code::kAborted},
      {10074, Code::kFailedPrecondition}, {10076, Code::kFailedPrecondition},
      {10077, Code::kResourceExhausted},  {10099, Code::kFailedPrecondition},
      {10100, Code::kFailedPrecondition}, {10105, Code::kAlreadyExists},
      {10109, Code::kFailedPrecondition}, {10121, Code::kFailedPrecondition},
      {10148, Code::kAlreadyExists},      {10158, Code::kUnavailable},
      {10167, Code::kUnavailable},        {10093, Code::kFailedPrecondition},
      {10098, Code::kFailedPrecondition}, {10101, Code::kFailedPrecondition},
      {10116, Code::kFailedPrecondition}, {10057, Code::kFailedPrecondition},
      {10169, Code::kFailedPrecondition}, {10043, Code::kNotFound},
  };
  for (const auto& [err_code, code] : expected) {
    EXPECT_EQ(CodeOf(ApiError{400, err_code, ""}), code) << err_code;
  }
}

TEST(StatusMappingTest, AnUnknownJetStreamErrorGoesByItsClass) {
  const std::map<int, Code> expected = {{400, Code::kFailedPrecondition},
                                        {401, Code::kPermissionDenied},
                                        {403, Code::kPermissionDenied},
                                        {404, Code::kNotFound},
                                        {408, Code::kUnavailable},
                                        {429, Code::kUnavailable},
                                        {503, Code::kUnavailable},
                                        {500, Code::kInternal},
                                        {0, Code::kInternal},
                                        {-7, Code::kInternal}};
  for (const auto& [status, code] : expected) EXPECT_EQ(CodeOf(ApiError{status, 99999, ""}), code) << status;
}

TEST(StatusMappingTest, OnlyWhatWaitingHealsIsTransient) {
  for (const int err_code : {10008, 10009, 10158, 10167}) EXPECT_TRUE(IsTransient({503, err_code, ""})) << err_code;
  for (const int err_code : {10013, 10059, 10065, 10077}) EXPECT_FALSE(IsTransient({503, err_code, ""})) << err_code;
  EXPECT_TRUE(IsTransient({503, 0, ""}));
  EXPECT_FALSE(IsTransient({500, 0, ""}));
}

// What an operator can take and give back ends no subscription, whatever its code.
TEST(StatusMappingTest, OnlyADurableOfSomethingElseLasts) {
  for (int err_code = 10000; err_code < 10300; ++err_code) {
    const bool lasts = err_code == 10099 || err_code == 10100;
    const ApiError error{400, err_code, "no"};
    EXPECT_EQ(DurationOf(error) == RefusalDuration::kLasting, lasts) << err_code;
    EXPECT_EQ(IsMarkedAsLasting(ApiStatus("x", error)), lasts) << err_code;
  }
  for (const int status : {400, 401, 403, 404, 408, 429, 500, 503, 0}) {
    EXPECT_NE(DurationOf({status, 0, ""}), RefusalDuration::kLasting) << status;
  }
}

TEST(StatusMappingTest, APublishIsSentAgainWhileJetStreamIsOff) {
  for (const int err_code : {10008, 10009, 10158, 10167, 10039, 10076}) {
    EXPECT_TRUE(MayBeStoredLater({503, err_code, ""})) << err_code;
  }
  for (const int err_code : {10023, 10047, 10054, 10077, 10109}) {
    EXPECT_FALSE(MayBeStoredLater({503, err_code, ""})) << err_code;
  }
}

TEST(StatusMappingTest, TheMarkLeavesCodeAndTextAlone) {
  const absl::Status refused = ApiStatus("x", {400, 10100, "no"});
  const absl::Status shown = Unmarked(refused);
  EXPECT_FALSE(IsMarkedAsLasting(shown));
  EXPECT_EQ(shown.code(), refused.code());
  EXPECT_EQ(shown.message(), refused.message());
  EXPECT_FALSE(IsMarkedAsLasting(Unmarked(absl::OkStatus())));
}

TEST(StatusMappingTest, TextsNameWhatFailedTheCauseAndTheRemedy) {
  EXPECT_THAT(
      std::string(NatsError("session", NATS_CONNECTION_AUTH_FAILED).message()),
      AllOf(StartsWith("session: authentication violation"), EndsWith("; check user, password, token or credentials")));
  EXPECT_EQ(ApiStatus("publish to \"orders\"", {503, 10077, "maximum bytes exceeded"}).message(),
            "publish to \"orders\": maximum bytes exceeded (JetStream error 10077); check the stream's limits and the "
            "server's disk");
  EXPECT_THAT(std::string(ApiStatus("x", {404, 0, "gone"}).message()), HasSubstr("gone (JetStream error 404)"));
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
