// SPDX-License-Identifier: Apache-2.0
// How a process of the simulation ends.
#include <sstream>
#include <utility>
#include <vector>

#include "simulation/process/process.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

void Process::Crash() {
  trace_.Note("process dies, number", static_cast<std::uint64_t>(number_));
  gone_ = true;
  if (relay_) relay_->Stop(/*released=*/false);
  if (cancels_) cancels_->Stop();
  consumer_.Stop();
  flow_ = nullptr;
}

void Process::Drain(microseconds deadline, std::function<void()> ended) {
  trace_.Note("process drains, number", static_cast<std::uint64_t>(number_));
  draining_ = true;
  if (relay_) relay_->BeginStop();
  drains_from_ = consumer_.flowing() ? event_queue_.now() : TimePoint{};
  ended_ = std::move(ended);
  consumer_.StopArrivals();
  AwaitQuiet(event_queue_.now() + deadline);
}

void Process::AwaitQuiet(TimePoint deadline) {
  const bool quiet = flow_->quiescent() && calls_ == 0;
  if (quiet && abandoning_) return HandBack();
  if (quiet || event_queue_.now() >= deadline) {
    Abandon();
    deadline = TimePoint::max();
  }
  Later(milliseconds{1}, [this, deadline] { AwaitQuiet(deadline); });
}

void Process::Abandon() {
  if (std::exchange(abandoning_, true)) return;
  consumer_.StopHandling();
  invariants_.Closed();
  priorities_.Closed();
  flow_->Close();
  std::vector<InFlightMessage*> deferred;
  std::erase_if(runs_, [&](const auto& run) {
    if (run.second.deferred) deferred.push_back(run.second.item);
    return run.second.deferred;
  });
  for (InFlightMessage* each : deferred) {
    InFlightMessage& item = *each;
    item.result = {.kind = HandlerResult::Kind::kAbandoned};
    if (cancels_) cancels_->Ended(item);
    invariants_.TakenBack(item);
    Finish(item);
  }
}

void Process::HandBack() {
  const std::vector<std::unique_ptr<InFlightMessage>> items = flow_->HandBack();
  std::uint64_t last = 0;
  for (const auto& item : items) {
    ledger_.Require(item->sequence > last, "drain", "messages are not handed back in their order", item->sequence);
    last = item->sequence;
    if (scenario_.flow.acknowledges) invariants_.HandedBack(last);
    if (scenario_.flow.retries_in_place) consumer_.Acknowledge(item->answerable(), AckType::kNak);
  }
  ledger_.Require(flow_->in_hand() == flow_->held(), "drain", "messages were not handed back", flow_->in_hand());
  invariants_.CompareCounters(*flow_);
  consumer_.Release();
  // For the last answers to be sent.
  Later(2 * scenario_.network_longest + milliseconds{1}, [this] {
    const bool undisturbed =
        scenario_.mode == Mode::kExclusive && consumer_.undisturbed_since() < drains_from_ - seconds{1};
    for (const std::uint64_t unanswered : network_.Unanswered()) {
      ledger_.Require(!undisturbed || !consumer_.MayAnswer(unanswered), "drain", "an acknowledgement was not sent",
                      unanswered);
    }
    consumer_.Stop();
    if (relay_) relay_->Stop(/*released=*/true);
    if (cancels_) cancels_->Stop();
    gone_ = true;
    flow_ = nullptr;
    ended_();
  });
}

std::string Process::Describe() const {
  if (gone_) return "a process that is gone";
  std::ostringstream text;
  text << "in hand " << flow_->in_hand() << ", active " << flow_->active() << ", parked " << flow_->parked()
       << ", held " << flow_->held() << ", waiting " << flow_->waiting() << ", bytes " << flow_->bytes() << ", window "
       << flow_->window() << (flow_->circuit_open() ? ", outage" : "") << (consumer_.flowing() ? "" : ", not flowing")
       << (quarantine_known_ ? "" : ", quarantine not known") << (calls_ > 0 ? ", calls" : "");
  return text.str();
}

void Process::CheckAtRest() const {
  const DeliveryStateMachine& flow = *flow_;
  ledger_.Require(flow.parked() == 0 && flow.held() == 0 && flow.waiting() == 0, "settles", "parked, held or waiting",
                  flow.parked());
  ledger_.Require(flow.active() == 0 && flow.stuck() == 0, "settles", "active or stuck", flow.active());
  ledger_.Require(flow.bytes() == 0 && live_bytes_ == 0, "bytes", "bytes are left", flow.bytes());
  invariants_.CompareCounters(flow);
}

}  // namespace penstock::eventbus::simulation
