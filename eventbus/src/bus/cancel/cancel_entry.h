// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::eventbus {

/// The state of a request: as it was made, or as it was answered.
enum class CancelState { kRequested, kQueued, kRunning, kFinished };

/// The value of an entry: an object of JSON. Members that are not known are ignored.
std::string WrittenCancel(CancelState state);
/// Nothing for what is no such value.
std::optional<CancelState> ReadCancel(std::string_view written);

}  // namespace penstock::eventbus
