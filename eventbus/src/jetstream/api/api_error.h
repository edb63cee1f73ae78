// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

// The one table from what JetStream answers to what Penstock reports; docs/errors.md shows it to users.
namespace penstock::eventbus::jetstream {

/// An error object in a JetStream API reply.
struct ApiError {
  int code = 0;      ///< as in HTTP
  int err_code = 0;  ///< JetStream's own, 10000 and up; 0 when the reply had none
  std::string description{};
};

/// JetStream error codes that are acted upon.
namespace api_code {
inline constexpr int kConsumerNotFound = 10014;
inline constexpr int kStreamNameInUse = 10058;
inline constexpr int kStreamNotFound = 10059;
inline constexpr int kSubjectsOverlap = 10065;
inline constexpr int kNoMessageFound = 10037;
inline constexpr int kMessageTooLarge = 10054;
inline constexpr int kMessageNotDeleted = 10057;
inline constexpr int kInactiveThresholdOverLimit = 10153;
inline constexpr int kMessageIdInProcess = 10158;
}  // namespace api_code

absl::StatusCode CodeOf(const ApiError& error);

/// How long a refusal may last, and thus who tries again. A status code does not tell: JetStream that is switched off
/// and a consumer that belongs to something else are both `kFailedPrecondition`.
enum class RefusalDuration {
  kMoment,       ///< elections, overload, a starting server: a request is sent again within its budget
  kOutage,       ///< JetStream is switched off: publishes are sent again until their deadline
  kUntilHealed,  ///< somebody has to change something; a subscription that runs tries again until that was done
  kLasting,      ///< the durable belongs to something else: a subscription that runs ends
};
RefusalDuration DurationOf(const ApiError& error);

/// Whether the same request can succeed a little later.
inline bool IsTransient(const ApiError& error) { return DurationOf(error) == RefusalDuration::kMoment; }

/// Whether a publish that was refused so is to be sent again.
inline bool MayBeStoredLater(const ApiError& error) { return DurationOf(error) <= RefusalDuration::kOutage; }

/// Whether an earlier copy of the same message is being stored.
bool IsInProcess(const ApiError& error);

/// `<what>: <the server's text> (JetStream error <n>); <remedy>`. Marked as lasting when the refusal is.
absl::Status ApiStatus(std::string_view what, const ApiError& error);

/// The mark of a refusal that lasts, apart from its code and text. It stays below the transport's interface: `Unmarked`
/// takes it off.
absl::Status MarkedAsLasting(absl::Status status);
bool IsMarkedAsLasting(const absl::Status& status);
absl::Status Unmarked(absl::Status status);

}  // namespace penstock::eventbus::jetstream
