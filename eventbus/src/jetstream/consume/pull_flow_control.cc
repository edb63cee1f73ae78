// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/pull_flow_control.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kMostRecent = 16;

}  // namespace

std::optional<PullFlowControl::Request> PullFlowControl::Next() {
  const std::size_t used = held_ + asked_;
  const std::size_t free = used < window_ ? window_ - used : 0;
  if (free == 0 || (asked_ > 0 && free < window_ / 4)) return std::nullopt;
  const std::size_t half = std::max<std::size_t>(1, window_ / 2);
  const Request request{++last_id_, std::min(free, most_ == 0 ? half : std::min(half, most_))};
  asked_ += request.batch;
  recent_.push_back(request);
  if (recent_.size() > kMostRecent) recent_.pop_front();
  return request;
}

void PullFlowControl::Arrived(std::size_t count) {
  held_ += count;
  asked_ -= std::min(asked_, count);
}

void PullFlowControl::Granted(std::size_t count) {
  window_ += count - std::min(held_, count);
  held_ -= std::min(held_, count);
}

void PullFlowControl::Ended(std::uint64_t id, std::optional<std::uint64_t> pending) {
  const auto ended = std::find_if(recent_.begin(), recent_.end(), [&](const Request& r) { return r.id == id; });
  if (ended == recent_.end()) return;
  const std::uint64_t undelivered = std::min<std::uint64_t>(pending.value_or(ended->batch), ended->batch);
  asked_ -= static_cast<std::size_t>(std::min<std::uint64_t>(asked_, undelivered));
  recent_.erase(ended);
}

void PullFlowControl::Forget() {
  asked_ = 0;
  recent_.clear();
}

}  // namespace penstock::eventbus::jetstream
