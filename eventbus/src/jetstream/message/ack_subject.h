// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::eventbus::jetstream {

/// The contents of a delivered message's reply subject.
struct AckSubject {
  std::string_view stream{};
  std::string_view consumer{};
  std::uint64_t delivery_count = 0;     ///< from 1
  std::uint64_t stream_sequence = 0;    ///< from 1
  std::uint64_t consumer_sequence = 0;  ///< from 1; every delivery counts, redeliveries too
  std::uint64_t pending = 0;            ///< not yet delivered when this was
  std::chrono::system_clock::time_point stored_at{};
};

/// Reads both forms, `$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>` and, from server 2.14 on,
/// `$JS.ACK.<domain>.<account>.<stream>.<consumer>...` with the same numbers and whatever follows them. Nothing when it
/// is neither: then the message did not come from a stream.
std::optional<AckSubject> ParseAckSubject(std::string_view subject);

}  // namespace penstock::eventbus::jetstream
