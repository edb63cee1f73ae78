// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace penstock::eventbus::jetstream {

/// Memory for objects that one thread makes in great numbers and others let go: taken from the heap 4 KiB at a time,
/// and given back when all that is in these is over; a thread that takes keeps up to 128 KiB to go on with. (No more at
/// a time: an object that is kept for long keeps its neighbours' memory. One of more than 1 KiB has memory of its own.)
/// Thread-safe.
class MessageBlock {
 public:
  /// Memory for an object of `size` bytes, aligned for any. Throws `std::bad_alloc`.
  static void* Take(std::size_t size);
  /// The same for one that is to be kept for long.
  static void* TakeAlone(std::size_t size);
  /// What was taken, by any thread and in either way.
  static void Return(void* memory) noexcept;
};

}  // namespace penstock::eventbus::jetstream
