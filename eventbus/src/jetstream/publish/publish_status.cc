// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/publish_status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

std::string About(std::string_view subject) { return absl::StrCat("publish to ", Quoted(subject)); }

}  // namespace

absl::Status RefusedStatus(std::string_view subject, const ApiError& error) { return ApiStatus(About(subject), error); }

absl::Status ExpiredStatus(std::string_view subject, const char* cause, std::chrono::milliseconds timeout) {
  const absl::StatusCode code =
      std::string_view(cause) == kNoStream ? absl::StatusCode::kNotFound : absl::StatusCode::kDeadlineExceeded;
  return absl::Status(code, absl::StrCat(About(subject), ": ", cause, " within ", timeout.count(),
                                         "ms; check that the server runs and has a stream for it"));
}

absl::Status DroppedStatus(std::string_view subject) {
  return absl::AbortedError(
      absl::StrCat(About(subject),
                   ": nothing was sent, since an earlier publish of its aggregate failed; publish "
                   "both again, in their order"));
}

absl::Status DeniedStatus(std::string_view subject) {
  return absl::PermissionDeniedError(
      absl::StrCat(About(subject), ": the server refuses it; check the permissions of this user"));
}

absl::Status ClosedStatus(std::string_view subject) {
  return absl::CancelledError(
      absl::StrCat(About(subject), ": the connection was closed before the acknowledgement came"));
}

}  // namespace penstock::eventbus::jetstream
