// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message_block.h"

#include <atomic>
#include <new>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kPlaces = 8;
constexpr std::size_t kAlignment = alignof(std::max_align_t);

constexpr std::size_t Aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

struct Block {
  // Places not yet given back, those not yet taken among them. Acquire/release: the last one frees what all have used.
  std::atomic<std::size_t> left{kPlaces};

  void GiveBack(std::size_t places) {
    if (left.fetch_sub(places, std::memory_order_acq_rel) != places) return;
    this->~Block();
    ::operator delete(this);
  }
};

// Stands before each object.
struct alignas(kAlignment) Place {
  Block* block;
};

/// The block that a thread takes from.
class Current {
 public:
  Current() = default;
  ~Current() { Leave(); }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  void* Take(std::size_t size) {
    const std::size_t step = sizeof(Place) + Aligned(size);
    if (block_ == nullptr) {
      void* const memory = ::operator new(Aligned(sizeof(Block)) + kPlaces * step);
      block_ = new (memory) Block;
      next_ = static_cast<std::byte*>(memory) + Aligned(sizeof(Block));
    }
    auto* const place = new (next_) Place{block_};
    next_ += step;
    if (++taken_ == kPlaces) Leave();
    return place + 1;
  }

 private:
  void Leave() {
    if (block_ != nullptr && taken_ < kPlaces) block_->GiveBack(kPlaces - taken_);
    block_ = nullptr;
    taken_ = 0;
  }

  Block* block_ = nullptr;
  std::byte* next_ = nullptr;
  std::size_t taken_ = 0;
};

}  // namespace

void* MessageBlock::Take(std::size_t size) {
  thread_local Current current;
  return current.Take(size);
}

void MessageBlock::Return(void* memory) noexcept { (static_cast<Place*>(memory) - 1)->block->GiveBack(1); }

}  // namespace penstock::eventbus::jetstream
