// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/handler_fence.h"

#include <utility>

namespace penstock::eventbus {
namespace {

thread_local std::uint64_t fence_of_this_thread = 0;

}  // namespace

HandlerFence::HandlerFence(std::uint64_t fence) : before_(std::exchange(fence_of_this_thread, fence)) {}
HandlerFence::~HandlerFence() { fence_of_this_thread = before_; }

std::uint64_t HandlerFence::Current() { return fence_of_this_thread; }

}  // namespace penstock::eventbus
