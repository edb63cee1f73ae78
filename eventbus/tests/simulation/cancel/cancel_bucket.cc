// SPDX-License-Identifier: Apache-2.0
#include "simulation/cancel/cancel_bucket.h"

#include <algorithm>

#include "simulation/cancel/model_cancel_watch.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::milliseconds;

// An answer that holds while its entry lives.
bool Stands(CancelState state) { return state == CancelState::kQueued || state == CancelState::kRunning; }

}  // namespace

void CancelBucket::Published(std::size_t event) {
  if (!random_.PerMille(scenario_.cancel_per_mille)) return;
  const bool soon = random_.PerMille(600);
  event_queue_.After(random_.Skewed(milliseconds{0}, milliseconds{soon ? 50 : 4000}), [this, event] {
    Request(event);
    if (random_.PerMille(200))
      event_queue_.After(random_.Between(milliseconds{1}, milliseconds{2000}), [this, event] { Request(event); });
  });
}

// As `RequestCancel`.
void CancelBucket::Request(std::size_t event) {
  requests_.Ask(
      [this, event]() -> ServerRequests::Answer {
        const auto before = entries_.find(event);
        const bool stands = before != entries_.end() && Stands(before->second.state);
        return [this, event, stands] {
          if (stands) return;
          requests_.Ask(
              [this, event]() -> ServerRequests::Answer {
                Put(event, CancelState::kRequested);
                return [] {};
              },
              [] {});
        };
      },
      [] {});
}

void CancelBucket::Put(std::size_t event, CancelState state) {
  const CancelRequest request{.state = state, .revision = ++last_};
  entries_[event] = request;
  trace_.Note("request to cancel, event", event, "state", static_cast<std::uint64_t>(state));
  for (auto& [watch, latest] : watches_) {
    const bool late = random_.PerMille(30);
    const auto delay =
        network_.Delay() + (late ? random_.Between(milliseconds{0}, milliseconds{300}) : milliseconds{0});
    latest = std::max(latest, event_queue_.now() + delay);
    event_queue_.At(latest, [told = watch, event, request] { told->OnEntry(event, request); });
  }
}

void CancelBucket::Join(ModelCancelWatch& watch) {
  for (const auto& [event, request] : entries_) watch.OnEntry(event, request);
  watches_.emplace_back(&watch, event_queue_.now());
}

void CancelBucket::Leave(const ModelCancelWatch& watch) {
  std::erase_if(watches_, [&](const auto& each) { return each.first == &watch; });
}

void CancelBucket::Answer(std::size_t event, CancelState state, std::uint64_t revision) {
  requests_.Ask(
      [this, event, state, revision]() -> ServerRequests::Answer {
        if (entries_.at(event).revision != revision) return [] {};
        Put(event, state);
        if (Stands(state)) ledger_.Cancel(event);
        return [] {};
      },
      [] {});
}

void CancelBucket::Get(std::size_t event, std::function<void(const CancelRequest* request)> answer,
                       std::function<void()> unanswered) {
  requests_.Ask(
      [this, event, answer = std::move(answer)]() -> ServerRequests::Answer {
        const auto found = entries_.find(event);
        if (found == entries_.end()) return [answer] { answer(nullptr); };
        return [answer, request = found->second] { answer(&request); };
      },
      std::move(unanswered));
}

bool CancelBucket::IsRequested(std::size_t event) const { return entries_.contains(event); }

}  // namespace penstock::eventbus::simulation
