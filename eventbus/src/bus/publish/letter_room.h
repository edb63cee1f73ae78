// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "transport/transport.h"

namespace penstock::eventbus {

/// Names of machines are cut to this in letters.
inline constexpr std::size_t kMostHostBytes = 64;
/// Of what a handler says of a failure, the room is kept for so much.
inline constexpr std::size_t kReasonRoomBytes = 256;
/// No message needs more room than this.
inline constexpr std::size_t kMostLetterRoomBytes = 4096;

/// How many bytes more than `message`, an envelope that is about to be published, its dead letter or a redrive of that
/// can take: the headers that `MakeLetter` and `MakeRedriven` add at their longest, but for a reason that is longer
/// than `kReasonRoomBytes`, which is cut then. With so much room below the limit of its stream, a message can be
/// dead-lettered whole and redriven, however often. `base` is the bus's stream name base.
std::size_t LetterRoomBytes(const OutboundMessage& message, std::string_view base);

}  // namespace penstock::eventbus
