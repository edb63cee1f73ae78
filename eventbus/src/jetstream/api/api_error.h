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
inline constexpr int kNoMessageFound = 10037;
inline constexpr int kMessageIdInProcess = 10158;
}  // namespace api_code

absl::StatusCode CodeOf(const ApiError& error);

/// Whether the same request can succeed a little later: elections, overload, a starting server.
bool IsTransient(const ApiError& error);

/// Whether an earlier copy of the same message is being stored.
bool IsInProcess(const ApiError& error);

/// `<what>: <the server's text> (JetStream error <n>); <remedy>`.
absl::Status ApiStatus(std::string_view what, const ApiError& error);

}  // namespace penstock::eventbus::jetstream
