// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <string_view>

#include "absl/status/status.h"

// The one table from what nats.c reports of a session to what Penstock reports; docs/errors.md shows it to users.
namespace penstock::eventbus::jetstream {

absl::StatusCode CodeOf(natsStatus status);

/// `<what>: <the library's text>; <remedy>`.
absl::Status NatsError(std::string_view what, natsStatus status);

}  // namespace penstock::eventbus::jetstream
