// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "message/stored_message.h"
#include "transport/transport.h"

// The only place that writes and reads the headers of a delayed message (docs/delay.md).
namespace penstock::eventbus {

/// The subject of the delayed message of a topic and ID. It has one message at most: a later one replaces it.
std::string DelayedSubject(std::string_view stream, std::string_view topic, std::string_view id);

/// `message`, which is to be published at `due`, as it waits in `stream` until then. Its message ID is a new one, since
/// the same message may be delayed again to another time.
OutboundMessage MakeDelayed(OutboundMessage message, std::chrono::system_clock::time_point due,
                            std::string_view stream);

/// The message that replaces a delayed one that is called off, if that is still the subject's message of that sequence.
OutboundMessage MakeCalledOff(std::string_view subject, std::uint64_t sequence);

/// The message by which a relay knows that what it reads is not older than its beginning. `stream` has one at most.
OutboundMessage MakeMark(std::string_view stream);
std::string MarkSubject(std::string_view stream);

/// A message of the stream, as far as a relay has to know it.
struct DelayedFacts {
  std::optional<std::chrono::system_clock::time_point> due{};  ///< none: it is not to be published
  std::string topic{};
  std::uint64_t key = 0;    ///< of its topic and aggregate: one of them is published after the other
  bool called_off = false;  ///< it is in the place of a message that is not to be published
  bool mark = false;        ///< of a relay that began
};
/// Anybody may have written it: `due` is set only for a message that `MakeDelayed` can have made for a topic of a bus
/// whose streams begin with `base`.
DelayedFacts ReadDelayed(const StoredMessage& message, std::string_view base);

/// The message that `MakeDelayed` was given.
OutboundMessage MakeRelayed(const StoredMessage& delayed);

}  // namespace penstock::eventbus
