// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::testing {

/// A `MSG` or `HMSG` of a server, taken apart so that it can be changed.
struct MessageFrame {
  std::string subject{};
  std::string sid{};
  std::string reply{};    ///< empty: none
  std::string headers{};  ///< the whole block; empty: the frame is a `MSG`
  std::string body{};
};

/// Nothing for any other frame.
std::optional<MessageFrame> ReadMessageFrame(std::string_view frame);

/// The frame as the server would write it.
std::string WriteMessageFrame(const MessageFrame& message);

}  // namespace penstock::testing
