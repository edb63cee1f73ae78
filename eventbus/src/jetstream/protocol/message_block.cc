// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/message_block.h"

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
// What a block's own thread holds of it while it takes from it, so that nobody frees it meanwhile.
constexpr std::size_t kTaker = std::size_t{1} << 32;

constexpr std::size_t Aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

struct alignas(kAlignment) Block {
  Block(std::size_t holds, bool is_shared) : left(holds), shared(is_shared) {}

  // What is not yet given back. Acquire/release: the last one lets go of what all have used.
  std::atomic<std::size_t> left;
  const bool shared;
};

// Stands before each object.
struct alignas(kAlignment) Place {
  Block* block;
};

void GiveBack(Block* block, std::size_t holds) noexcept;

/// The block that a thread takes from, and some to go on with: those that were over last are in its caches.
class Current {
 public:
  Current() { of_this_thread = this; }
  ~Current() {
    of_this_thread = nullptr;
    Leave();
    while (spare_count_ > 0) ::operator delete(spares_[--spare_count_]);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  void* Take(std::size_t size) {
    const std::size_t step = sizeof(Place) + Aligned(size);
    if (step > room_) {
      Leave();
      void* const memory = spare_count_ > 0 ? spares_[--spare_count_] : ::operator new(kBlockBytes);
      block_ = new (memory) Block(kTaker, /*is_shared=*/true);
      next_ = reinterpret_cast<std::byte*>(block_ + 1);
      room_ = kBlockBytes - sizeof(Block);
    }
    auto* const place = new (next_) Place{block_};
    next_ += step;
    room_ -= step;
    ++taken_;
    return place + 1;
  }

  /// Keeps the memory of a block that is over, if the calling thread takes any.
  static bool Keep(void* memory) {
    Current* const current = of_this_thread;
    if (current == nullptr || current->spare_count_ == kMostSpares) return false;
    current->spares_[current->spare_count_++] = memory;
    return true;
  }

 private:
  static thread_local Current* of_this_thread;

  void Leave() {
    if (block_ != nullptr) GiveBack(block_, kTaker - taken_);
    block_ = nullptr;
    room_ = taken_ = 0;
  }

  Block* block_ = nullptr;
  std::byte* next_ = nullptr;
  std::size_t room_ = 0, taken_ = 0;
  std::size_t spare_count_ = 0;
  std::array<void*, kMostSpares> spares_;  // the first `spare_count_`
};

thread_local Current* Current::of_this_thread = nullptr;

void GiveBack(Block* block, std::size_t holds) noexcept {
  if (block->left.fetch_sub(holds, std::memory_order_acq_rel) != holds) return;
  const bool shared = block->shared;
  block->~Block();
  if (!shared || !Current::Keep(block)) ::operator delete(block);
}

}  // namespace

void* MessageBlock::Take(std::size_t size) {
  if (size > kMostShared) return TakeAlone(size);
  thread_local Current current;
  return current.Take(size);
}

void* MessageBlock::TakeAlone(std::size_t size) {
  auto* const block = new (::operator new(sizeof(Block) + sizeof(Place) + size)) Block(1, /*is_shared=*/false);
  return new (block + 1) Place{block} + 1;
}

void MessageBlock::Return(void* memory) noexcept { GiveBack((static_cast<Place*>(memory) - 1)->block, 1); }

}  // namespace penstock::eventbus::jetstream
