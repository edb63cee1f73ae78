// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "jetstream/api/api_error.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// The server's reply to a publish.
struct PublishReply {
  enum class Kind {
    kStored,   ///< `ack` says where
    kRefused,  ///< `error` says why
    kUnclear,  ///< neither, or an acknowledgement without a sequence, which proves no storage: to be sent again
  };
  Kind kind = Kind::kUnclear;
  PubAck ack{};
  ApiError error{};
};

PublishReply ReadPublishReply(std::string_view body);

}  // namespace penstock::eventbus::jetstream
