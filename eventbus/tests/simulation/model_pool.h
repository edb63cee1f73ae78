// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "delivery/in_flight_message.h"
#include "simulation/event_queue.h"

namespace penstock::eventbus::simulation {

/// Actors with bounded inboxes, each of which works at one item at a time. Thread-compatible.
class ModelPool {
 public:
  /// `begin` is called for the item whose turn it is.
  ModelPool(EventQueue& event_queue, std::size_t actors, std::size_t inbox,
            std::function<void(InFlightMessage& item, std::size_t actor)> begin)
      : event_queue_(event_queue), inbox_(inbox), begin_(std::move(begin)), actors_(actors) {}

  std::size_t size() const { return actors_.size(); }

  /// False when the inbox of the item's actor is full.
  bool Offer(InFlightMessage& item) {
    const std::size_t index = item.keyed() ? item.actor : next_++ % actors_.size();
    Actor& actor = actors_[index];
    if (actor.waiting.size() >= inbox_) return false;
    actor.waiting.push_back(&item);
    if (!actor.busy) Next(index);
    return true;
  }

  /// The actor is through with what it began.
  void Free(std::size_t index) {
    actors_[index].busy = false;
    Next(index);
  }

 private:
  struct Actor {
    std::deque<InFlightMessage*> waiting{};
    bool busy = false;
  };

  void Next(std::size_t index) {
    if (actors_[index].waiting.empty()) return;
    actors_[index].busy = true;
    event_queue_.After({}, [this, index] {
      InFlightMessage& item = *actors_[index].waiting.front();
      actors_[index].waiting.pop_front();
      begin_(item, index);
    });
  }

  EventQueue& event_queue_;
  const std::size_t inbox_;
  const std::function<void(InFlightMessage& item, std::size_t actor)> begin_;
  std::vector<Actor> actors_;
  std::size_t next_ = 0;
};

}  // namespace penstock::eventbus::simulation
