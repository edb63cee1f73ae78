// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::eventbus {

/// The fencing token of the handler that this thread is in, which what it publishes carries. Thread-confined.
class HandlerFence {
 public:
  explicit HandlerFence(std::uint64_t fence);
  ~HandlerFence();
  HandlerFence(const HandlerFence&) = delete;
  HandlerFence& operator=(const HandlerFence&) = delete;

  /// 0: none, or not in a handler.
  static std::uint64_t Current();

 private:
  const std::uint64_t before_;  // of the handler that this one runs in
};

}  // namespace penstock::eventbus
