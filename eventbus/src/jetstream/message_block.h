// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace penstock::eventbus::jetstream {

/// Memory for objects of one kind that one thread makes in great numbers and others let go: taken from the heap eight
/// at a time, and given back when all eight are over. (No more: one that is kept for long keeps its neighbours'
/// memory.) Thread-safe.
class MessageBlock {
 public:
  /// Memory for an object of `size` bytes, the same at every call. Throws `std::bad_alloc`.
  static void* Take(std::size_t size);
  static void Return(void* memory) noexcept;
};

}  // namespace penstock::eventbus::jetstream
