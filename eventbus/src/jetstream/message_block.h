// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace penstock::eventbus::jetstream {

/// Memory for objects that one thread makes in great numbers and others let go: taken from the heap 4 KiB at a time,
/// and given back when all that is in these is over. (No more: an object that is kept for long keeps its neighbours'
/// memory. One of more than 1 KiB has memory of its own.) Thread-safe.
class MessageBlock {
 public:
  /// Memory for an object of `size` bytes, aligned for any. Throws `std::bad_alloc`.
  static void* Take(std::size_t size);
  static void Return(void* memory) noexcept;
};

}  // namespace penstock::eventbus::jetstream
