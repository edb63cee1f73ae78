// SPDX-License-Identifier: Apache-2.0
#include "simulation/server_requests.h"

#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLook{50}, kTimeout{1000};
constexpr int kTries = 40;  // so often a request that waits for a server looks whether it is there

}  // namespace

void ServerRequests::Ask(std::function<Answer()> what, Answer unanswered) {
  event_queue_.After(network_.Delay(), [this, what = std::move(what), unanswered = std::move(unanswered)] {
    AtServer(what, unanswered, kTries);
  });
}

void ServerRequests::AtServer(std::function<Answer()> what, Answer unanswered, int tries) {
  if (!network_.reachable()) {
    if (tries == 0) return unanswered();
    return event_queue_.After(kLook, [this, what = std::move(what), unanswered = std::move(unanswered), tries] {
      AtServer(what, unanswered, tries - 1);
    });
  }
  const bool arrives = conditions_.calm || !random_.PerMille(20);
  Answer answer = arrives ? what() : nullptr;
  const bool answered = answer && (conditions_.calm || !random_.PerMille(40));
  event_queue_.After(answered ? network_.Delay() : kTimeout, answered ? std::move(answer) : std::move(unanswered));
}

}  // namespace penstock::eventbus::simulation
