// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// `kInvalidArgument` naming the first field, in the order of the struct, that breaks its rule.
absl::Status CheckOptions(const PublishOptions& options);
absl::Status CheckOptions(const SubscribeOptions& options);
absl::Status CheckOptions(const ReaderOptions& options);
absl::Status CheckOptions(const EnvelopeSubscribeOptions& options);

}  // namespace penstock::eventbus
