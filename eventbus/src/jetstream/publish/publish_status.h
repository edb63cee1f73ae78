// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

#include "absl/status/status.h"
#include "jetstream/api/api_error.h"

// The outcomes of publishes that were not stored. Each names the subject.
namespace penstock::eventbus::jetstream {

/// Why a publish is not stored yet.
inline constexpr const char* kNotConnected = "not connected";
inline constexpr const char* kNoAnswer = "no acknowledgement came";
inline constexpr const char* kNoStream = "no stream takes this subject";

/// The server refused it for good.
absl::Status RefusedStatus(std::string_view subject, const ApiError& error);
/// `kNotFound` for `kNoStream`, else `kDeadlineExceeded`.
absl::Status ExpiredStatus(std::string_view subject, const char* cause, std::chrono::milliseconds timeout);
/// `kAborted`: nothing was sent, since an earlier publish of its aggregate has failed, which may be tried again.
absl::Status DroppedStatus(std::string_view subject);
/// `kPermissionDenied`.
absl::Status DeniedStatus(std::string_view subject);
/// `kCancelled`: the connection was closed.
absl::Status ClosedStatus(std::string_view subject);

}  // namespace penstock::eventbus::jetstream
