// SPDX-License-Identifier: Apache-2.0
#include "simulation/model_server.h"

#include <algorithm>

namespace penstock::eventbus::simulation {

void ModelServer::MakeStreamAgain() {
  DeleteConsumer();
  last_ = 0;
}

void ModelServer::MakeConsumer(const ConsumerOptions& options, TimePoint now) {
  options_ = options;
  exists_ = true;
  state_ = {.next = options.start};
  written_ = old_ = state_;
  written_at_ = old_at_ = now;
}

void ModelServer::DeleteConsumer() {
  exists_ = false;
  bound_ = 0;
  requests_.clear();
  state_ = {};
}

void ModelServer::Bind(std::size_t inbox, TimePoint now) {
  bound_ = inbox;
  Touch(now);
  for (auto& [sequence, pending] : state_.pending) {
    if (pending.in_line || (options_.forgets_unheard && pending.unheard)) continue;
    state_.line.push_back(sequence);
    pending.in_line = true;
  }
}

void ModelServer::Unheard(std::uint64_t sequence) {
  const auto found = state_.pending.find(sequence);
  if (found != state_.pending.end()) found->second.unheard = true;
}

void ModelServer::Pull(std::size_t inbox, std::size_t count) {
  if (exists_ && count > 0) requests_.push_back({inbox, count});
}

void ModelServer::Leave(std::size_t inbox) {
  if (bound_ == inbox) bound_ = 0;
  std::erase_if(requests_, [inbox](const Request& request) { return request.inbox == inbox; });
}

// Writing is put off, and catches up when something is about to change.
void ModelServer::Touch(TimePoint now) {
  if (now - old_at_ >= kOld) {
    old_ = state_;
    old_at_ = now;
  }
  if (now - written_at_ < kFlush) return;
  written_ = state_;
  written_at_ = now;
}

void ModelServer::Ack(std::uint64_t sequence, TimePoint now) {
  auto found = state_.pending.find(sequence);
  if (found == state_.pending.end()) return;
  Touch(now);
  if (found->second.in_line) std::erase(state_.line, sequence);
  state_.pending.erase(sequence);
}

void ModelServer::Nak(std::uint64_t sequence, TimePoint now) {
  auto found = state_.pending.find(sequence);
  if (found == state_.pending.end() || found->second.in_line) return;
  Touch(now);
  found->second.in_line = true;
  state_.line.push_back(sequence);
}

void ModelServer::InProgress(std::uint64_t sequence, TimePoint now) {
  auto found = state_.pending.find(sequence);
  if (found != state_.pending.end()) found->second.deadline = now + options_.ack_wait;
}

std::vector<std::uint64_t> ModelServer::Expire(TimePoint now) {
  std::vector<std::uint64_t> expired;
  for (auto& [sequence, pending] : state_.pending) {
    if (pending.in_line || pending.deadline > now) continue;
    pending.in_line = true;
    state_.line.push_back(sequence);
    expired.push_back(sequence);
  }
  return expired;
}

std::vector<ModelServer::Sent> ModelServer::Pump(TimePoint now) {
  std::vector<Sent> sent;
  if (!exists_) return sent;
  if (options_.pushes) {
    while (bound_ != 0 && SendOne(bound_, now, sent)) {
    }
    return sent;
  }
  while (!requests_.empty() && SendOne(requests_.front().inbox, now, sent)) {
    Request request = requests_.front();
    requests_.pop_front();
    if (--request.count > 0) requests_.push_back(request);
  }
  return sent;
}

// Redeliveries come first, and do not count against what may be pending.
bool ModelServer::SendOne(std::size_t inbox, TimePoint now, std::vector<Sent>& sent) {
  std::uint64_t sequence = 0;
  if (!state_.line.empty()) {
    Touch(now);
    sequence = state_.line.front();
    state_.line.pop_front();
  } else if (state_.next <= last_ && (!options_.acknowledges || state_.pending.size() < options_.max_ack_pending)) {
    Touch(now);
    sequence = state_.next++;
  } else {
    return false;
  }
  Sent message{.sequence = sequence, .pending = last_ + 1 - state_.next, .inbox = inbox};
  if (options_.acknowledges) {
    Pending& pending = state_.pending[sequence];
    pending.deadline = now + options_.ack_wait;
    pending.in_line = pending.unheard = false;
    message.delivery_count = ++pending.deliveries;
  }
  sent.push_back(message);
  return true;
}

std::vector<std::uint64_t> ModelServer::Crash(TimePoint now) {
  Touch(now);
  std::vector<std::uint64_t> unsettled;
  for (std::uint64_t sequence = 1; sequence < state_.next; ++sequence) {
    const bool settled = !state_.pending.contains(sequence);
    if (settled && (sequence >= written_.next || written_.pending.contains(sequence))) unsettled.push_back(sequence);
  }
  state_ = written_;
  bound_ = 0;
  requests_.clear();
  return unsettled;
}

void ModelServer::FallBack(TimePoint now) {
  written_ = old_;
  written_at_ = now;
  state_ = written_;
  bound_ = 0;
  requests_.clear();
}

}  // namespace penstock::eventbus::simulation
