// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"

// How errors of `Transport` are told apart, beyond their codes.
namespace penstock::eventbus {

/// Whether the same call is refused until somebody changes the stream or the user's permissions. Any other error may
/// pass by itself.
inline bool IsRefusal(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsUnimplemented(status);
}

/// `status`, which is `kNotFound`, marked as being about the stream. A server that comes back can say so for a moment
/// of a stream that it has.
absl::Status MarkedAsStreamMissing(absl::Status status);
bool IsStreamMissing(const absl::Status& status);

/// `status`, which is `kPermissionDenied`, marked as: this user may not look at the stream, which says nothing of
/// whether it is there and may be published to.
absl::Status MarkedAsUnseen(absl::Status status);
bool IsUnseen(const absl::Status& status);

}  // namespace penstock::eventbus
