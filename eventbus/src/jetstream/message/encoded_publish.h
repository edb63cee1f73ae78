// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// A message to publish, as views. All but the subject may be empty; NULs follow subject and reply.
struct Publication {
  std::string_view subject{}, body{}, reply{};
  std::string_view headers{};  ///< a whole block, as in header_block.h
};

/// A message to publish, perhaps more than once, in one piece of memory and as it goes over the wire.
/// Thread-compatible.
class EncodedPublish {
 public:
  /// `kInvalidArgument` when a header has a line break.
  static absl::StatusOr<EncodedPublish> Encode(const OutboundMessage& message, std::string_view reply);

  /// Views into it, valid until it is moved or destroyed.
  Publication publication() const;
  std::string_view subject() const { return std::string_view(text_).substr(0, subject_bytes_); }

 private:
  EncodedPublish() = default;

  std::string text_{};  // subject, NUL, reply, NUL, headers, body
  std::size_t subject_bytes_ = 0, reply_bytes_ = 0, header_bytes_ = 0;
};

}  // namespace penstock::eventbus::jetstream
