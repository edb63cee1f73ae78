// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "bus/publish/topic_streams.h"
#include "penstock/eventbus/dead_letters.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Makes the dead letters of one bus. The arguments outlive them.
class DeadLettersFactory {
 public:
  static std::unique_ptr<DeadLetters> Make(const BusOptions& options, Transport& transport, TopicStreams& streams);
};

}  // namespace penstock::eventbus
