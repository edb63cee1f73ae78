// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace penstock::bench {

/// Where and on what a report was made.
struct Machine {
  std::string cpu{};
  unsigned cores = 0;
  std::string kernel{};
  double load_average = 0;    ///< of the minute before
  std::string nats_server{};  ///< its version; empty when none runs here
  std::string commit{};
};

/// This machine, now. Starts a nats-server for a moment to ask for its version. Blocks.
Machine ThisMachine(std::string commit);

}  // namespace penstock::bench
