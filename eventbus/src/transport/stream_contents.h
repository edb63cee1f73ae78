// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "message/stored_message.h"

namespace penstock::eventbus {

/// The messages of a stream, as far as they can differ. Two equal ones of a stream mean that nothing was stored and
/// nothing removed between the two.
struct StreamContents {
  std::string created{};  ///< in the server's words
  std::uint64_t last_sequence = 0;
  std::uint64_t messages = 0;

  bool operator==(const StreamContents&) const = default;
};

/// The receiver of what `Transport::ReadHeaders` reads.
struct HeaderReader {
  /// A reading of that many messages begins; told again when it has to begin anew: what was told before is void.
  std::function<void(std::uint64_t count)> begin{};
  /// One message, with its number of messages pending, perhaps without its body. False: no more are wanted.
  std::function<bool(const StoredMessage& message)> message{};
};

}  // namespace penstock::eventbus
