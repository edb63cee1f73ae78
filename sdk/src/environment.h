// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "penstock/sdk/service.h"

namespace penstock {

/// `options` overridden by `NAME=value` strings that end with a null pointer; see `ServiceOptions::FromEnvironment`.
absl::StatusOr<ServiceOptions> ApplyEnvironment(ServiceOptions options, const char* const* environment);

}  // namespace penstock
