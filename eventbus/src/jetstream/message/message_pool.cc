// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/message_pool.h"

#include <array>
#include <atomic>
#include <new>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kMostShared = 1024;
// Of a thread: as many as the messages of one read need.
constexpr std::size_t kMostSpares = 32;
constexpr std::size_t kAlignment = alignof(std::max_align_t);
// The share of the thread that allocates from a block: while it does, nobody frees the block.
constexpr std::size_t kOwnerShare = std::size_t{1} << 32;

constexpr std::size_t Aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

struct alignas(kAlignment) BlockHeader {
  BlockHeader(std::size_t holds, bool is_shared) : left(holds), shared(is_shared) {}

  // Objects not yet freed. Acquire/release: the last one to free frees the block that all have used.
  std::atomic<std::size_t> left;
  const bool shared;
};

// Stands before each object.
struct alignas(kAlignment) ObjectHeader {
  BlockHeader* block;
};

void Release(BlockHeader* block, std::size_t holds) noexcept;

/// The block that a thread allocates from, and empty ones to go on with: the latest are in the processor's caches.
class ThreadCache {
 public:
  ThreadCache() { of_this_thread = this; }
  ~ThreadCache() {
    of_this_thread = nullptr;
    Leave();
    while (spare_count_ > 0) ::operator delete(spares_[--spare_count_]);
  }
  ThreadCache(const ThreadCache&) = delete;
  ThreadCache& operator=(const ThreadCache&) = delete;

  void* Allocate(std::size_t size) {
    const std::size_t step = sizeof(ObjectHeader) + Aligned(size);
    if (step > room_) {
      Leave();
      void* const memory = spare_count_ > 0 ? spares_[--spare_count_] : ::operator new(kBlockBytes);
      block_ = new (memory) BlockHeader(kOwnerShare, /*is_shared=*/true);
      next_ = reinterpret_cast<std::byte*>(block_ + 1);
      room_ = kBlockBytes - sizeof(BlockHeader);
    }
    auto* const place = new (next_) ObjectHeader{block_};
    next_ += step;
    room_ -= step;
    ++taken_;
    return place + 1;
  }

  /// Keeps the memory of an empty block, if the calling thread allocates.
  static bool Keep(void* memory) {
    ThreadCache* const current = of_this_thread;
    if (current == nullptr || current->spare_count_ == kMostSpares) return false;
    current->spares_[current->spare_count_++] = memory;
    return true;
  }

 private:
  static thread_local ThreadCache* of_this_thread;

  void Leave() {
    if (block_ != nullptr) Release(block_, kOwnerShare - taken_);
    block_ = nullptr;
    room_ = taken_ = 0;
  }

  BlockHeader* block_ = nullptr;
  std::byte* next_ = nullptr;
  std::size_t room_ = 0, taken_ = 0;
  std::size_t spare_count_ = 0;
  std::array<void*, kMostSpares> spares_;  // the first `spare_count_`
};

thread_local ThreadCache* ThreadCache::of_this_thread = nullptr;

void Release(BlockHeader* block, std::size_t holds) noexcept {
  if (block->left.fetch_sub(holds, std::memory_order_acq_rel) != holds) return;
  const bool shared = block->shared;
  block->~BlockHeader();
  if (!shared || !ThreadCache::Keep(block)) ::operator delete(block);
}

}  // namespace

void* MessagePool::Allocate(std::size_t size) {
  if (size > kMostShared) return AllocateAlone(size);
  thread_local ThreadCache cache;
  return cache.Allocate(size);
}

void* MessagePool::AllocateAlone(std::size_t size) {
  auto* const block =
      new (::operator new(sizeof(BlockHeader) + sizeof(ObjectHeader) + size)) BlockHeader(1, /*is_shared=*/false);
  return new (block + 1) ObjectHeader{block} + 1;
}

void MessagePool::Free(void* memory) noexcept { Release((static_cast<ObjectHeader*>(memory) - 1)->block, 1); }

}  // namespace penstock::eventbus::jetstream
