// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "absl/status/status.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// `kInvalidArgument` naming the first field, in the order of the struct, that breaks its rule.
absl::Status CheckOptions(const PublishOptions& options);
absl::Status CheckOptions(const SubscribeOptions& options);
absl::Status CheckOptions(const ReaderOptions& options);
absl::Status CheckOptions(const EnvelopeSubscribeOptions& options);

/// Whether it asks for another time than now.
inline bool IsDelayed(const PublishOptions& options) {
  return options.delay.count() != 0 || options.deliver_at != std::chrono::system_clock::time_point{};
}

/// The time that it asks for, whose options were checked or not.
std::chrono::system_clock::time_point DueTime(const PublishOptions& options);

}  // namespace penstock::eventbus
