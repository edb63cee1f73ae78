// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "chaos/event_plan.h"

namespace penstock::chaos {

/// The answer of a server's JetStream API to a request made without any client library, `subject` without `$JS.API.`.
/// `kInternal` when it is an error.
absl::StatusOr<nlohmann::json> Ask(int port, const std::string& subject, const std::string& body = "",
                                   std::chrono::milliseconds timeout = std::chrono::seconds(5));

/// The event in a stored message, as `STREAM.MSG.GET` answers it; nothing when it is none of this run's.
std::optional<EventRef> ReadStored(std::uint64_t seed, const nlohmann::json& message);

}  // namespace penstock::chaos
