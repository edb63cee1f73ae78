// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bus/topic_streams.h"
#include "delivery/delivery_flow.h"
#include "penstock/eventbus/options.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Keeps messages that will not be handled, with their story in headers, in the stream `{base}_dead_letters`.
///
/// **Thread safety:** thread-safe. Outlived by its transport and streams.
class DeadLetters {
 public:
  DeadLetters(const BusOptions& options, Transport& transport) : options_(options), transport_(transport) {}

  struct Origin {
    std::string_view topic{};
    std::string_view stream{};
    std::string_view consumer{};
  };

  /// Stores the item's message; `done` is told once, with true only when the stream has it. The item is read during the
  /// call only. Storing the same delivery twice keeps it once (within the duplicate window).
  void Store(const Item& item, const Origin& origin, std::function<void(bool stored)> done);

 private:
  const BusOptions& options_;
  Transport& transport_;
};

}  // namespace penstock::eventbus
