// SPDX-License-Identifier: Apache-2.0
// How an owner comes by its fencing token.
#include <utility>

#include "jetstream/connection/log_line.h"
#include "jetstream/consume/push_consumer.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

// A server that is slow needs no more; one that takes requests and no writes holds the recovery up for so long.
constexpr milliseconds kFenceBudget(1500);
constexpr milliseconds kFenceRetryBudget(250);
constexpr milliseconds kFenceRetry(2000);

}  // namespace

// After the consumer was bound and before that is looked at: see `FenceIssuer`. In a cluster without a lease nothing
// would make it rise.
std::uint64_t PushConsumer::TakeFence(const Link& link) {
  if (claim_) return claim_->revision;
  if (connection_.clustered()) {
    fence_due_ = Clock::time_point::max();
    return 0;
  }
  const bool another_link = std::exchange(fence_link_, link.generation()) != link.generation();
  if (!another_link && fence_due_ == Clock::time_point::max()) return 0;
  return IssueFence(kFenceBudget) ? issued_fence_ : 0;
}

bool PushConsumer::IssueFence(milliseconds budget) {
  const absl::StatusOr<std::uint64_t> issued =
      fences_.Issue({claim_name_, inbox_prefix_, issued_fence_}, CallLimit::In(budget, stop_token()));
  if (issued.ok()) {
    issued_fence_ = *issued;
    fence_trouble_.clear();
    return true;
  }
  const bool may_heal = absl::IsUnavailable(issued.status()) || absl::IsDeadlineExceeded(issued.status());
  fence_due_ = may_heal ? Clock::now() + kFenceRetry : Clock::time_point::max();
  const std::string text(issued.status().message());
  if (text == fence_trouble_ || absl::IsCancelled(issued.status())) return false;
  LogLine(log_, LogLevel::kWarning, Describe("goes on without a fencing token: ") + text);
  fence_trouble_ = text;
  return false;
}

// All that is pending comes again with it.
void PushConsumer::RetryFence(Clock::time_point now) {
  if (now < fence_due_) return;
  if (IssueFence(kFenceRetryBudget)) RequestSynchronisation("it has a fencing token now");
}

}  // namespace penstock::eventbus::jetstream
