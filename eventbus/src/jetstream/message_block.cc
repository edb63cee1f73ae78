// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message_block.h"

#include <atomic>
#include <new>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kMostShared = 1024;
constexpr std::size_t kAlignment = alignof(std::max_align_t);
// What a block's own thread holds of it while it takes from it, so that nobody frees it meanwhile.
constexpr std::size_t kTaker = std::size_t{1} << 32;

constexpr std::size_t Aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

struct alignas(kAlignment) Block {
  explicit Block(std::size_t holds) : left(holds) {}

  // What is not yet given back. Acquire/release: the last one frees what all have used.
  std::atomic<std::size_t> left;

  void GiveBack(std::size_t holds) {
    if (left.fetch_sub(holds, std::memory_order_acq_rel) != holds) return;
    this->~Block();
    ::operator delete(this);
  }
};

// Stands before each object.
struct alignas(kAlignment) Place {
  Block* block;
};

void* TakeAlone(std::size_t size) {
  auto* const block = new (::operator new(sizeof(Block) + sizeof(Place) + size)) Block(1);
  return new (block + 1) Place{block} + 1;
}

/// The block that a thread takes from.
class Current {
 public:
  Current() = default;
  ~Current() { Leave(); }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  void* Take(std::size_t size) {
    const std::size_t step = sizeof(Place) + Aligned(size);
    if (step > room_) {
      Leave();
      block_ = new (::operator new(kBlockBytes)) Block(kTaker);
      next_ = reinterpret_cast<std::byte*>(block_ + 1);
      room_ = kBlockBytes - sizeof(Block);
    }
    auto* const place = new (next_) Place{block_};
    next_ += step;
    room_ -= step;
    ++taken_;
    return place + 1;
  }

 private:
  void Leave() {
    if (block_ != nullptr) block_->GiveBack(kTaker - taken_);
    block_ = nullptr;
    room_ = taken_ = 0;
  }

  Block* block_ = nullptr;
  std::byte* next_ = nullptr;
  std::size_t room_ = 0, taken_ = 0;
};

}  // namespace

void* MessageBlock::Take(std::size_t size) {
  if (size > kMostShared) return TakeAlone(size);
  thread_local Current current;
  return current.Take(size);
}

void MessageBlock::Return(void* memory) noexcept { (static_cast<Place*>(memory) - 1)->block->GiveBack(1); }

}  // namespace penstock::eventbus::jetstream
