// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace penstock::eventbus::jetstream {

/// Memory for objects that one thread makes in great numbers and other threads free. It comes from the heap in blocks
/// of 4 KiB; a block is freed when all objects in it are. A thread that allocates keeps up to 128 KiB of empty blocks.
/// An object that lives long keeps its block; hence `AllocateAlone`. An object over 1 KiB has memory of its own.
///
/// **Thread safety:** thread-safe.
class MessagePool {
 public:
  /// Memory for an object of `size` bytes, aligned for any. Throws `std::bad_alloc`.
  static void* Allocate(std::size_t size);
  /// The same for an object that lives long: it shares no block.
  static void* AllocateAlone(std::size_t size);
  /// Frees what either function returned, on any thread.
  static void Free(void* memory) noexcept;
};

}  // namespace penstock::eventbus::jetstream
