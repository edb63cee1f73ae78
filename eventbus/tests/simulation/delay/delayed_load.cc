// SPDX-License-Identifier: Apache-2.0
#include "simulation/delay/delayed_load.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kTooLate{1};
constexpr milliseconds kNoticed{500};
constexpr milliseconds kTick{100};  // many are due at the same time

}  // namespace

void DelayedLoad::Begin() {
  stream_.Begin();
  if (scenario_.has_faults()) ScheduleFault();
}

void DelayedLoad::ScheduleFault() {
  event_queue_.After(random_.Between(milliseconds{100}, milliseconds{3000}), [this] {
    if (conditions_.calm) return;
    const std::uint64_t fault = random_.Below(10);
    if (fault < 5) {
      if (scenario_.clustered && fault < 3) stream_.LagBehind(random_.Between(milliseconds{1}, milliseconds{1500}));
      stream_.LoseOwner();
    } else if (fault < 9) {
      trace_.Note("fault: the topic refuses what is put forward");
      stream_.Refuse(true);
      event_queue_.After(random_.Between(milliseconds{20}, milliseconds{1500}), [this] { stream_.Refuse(false); });
    } else {
      stream_.MakeAgain();
    }
    ScheduleFault();
  });
}

TimePoint DelayedLoad::Due(microseconds least) {
  const TimePoint due = event_queue_.now() + least + random_.Skewed(milliseconds{1}, milliseconds{4000});
  return random_.PerMille(300) ? TimePoint(std::chrono::ceil<milliseconds>(due.time_since_epoch()) / kTick * kTick)
                               : due;
}

void DelayedLoad::Publish(std::size_t event, std::size_t bytes) {
  const std::uint64_t fate = random_.Below(100);
  const bool long_before = fate < 25;
  const DelayedEntry entry{.event = event, .due = Due(long_before ? seconds{2} : seconds{0}), .bytes = bytes};
  Store(entry, [this, entry, fate] {
    if (fate >= 40) return;
    ++calls_;
    const bool calls_off = fate < 20;
    event_queue_.After(random_.Skewed(milliseconds{1}, milliseconds{2500}), [this, entry, calls_off] {
      --calls_;
      calls_off ? CallOff(entry.event) : PutOff(entry);
    });
  });
}

// Its PubAck may be lost, and then it is sent again under the same ID.
void DelayedLoad::Store(const DelayedEntry& entry, const std::function<void()>& stored) {
  ++calls_;
  const auto done = std::make_shared<bool>(false);
  stream_.Ask(
      [this, entry, stored, done]() -> DelayedStream::Answer {
        const DelayedEntry* const before = stream_.OfEvent(entry.event);
        if (before != nullptr && before->due - event_queue_.now() > kTooLate) checker_.Replaced(*before);
        stream_.Store(entry);
        *done = true;
        return [this, stored] {
          --calls_;
          stored();
        };
      },
      [this, entry, stored, done] {
        --calls_;
        *done ? stored() : Store(entry, stored);
      });
}

void DelayedLoad::PutOff(DelayedEntry entry) {
  entry.due = Due(seconds{0});
  trace_.Note("put off, event", entry.event);
  Store(entry, [] {});
}

// Nothing is promised in the last second, or where no answer comes.
void DelayedLoad::CallOff(std::size_t event) {
  ++calls_;
  stream_.Ask(
      [this, event]() -> DelayedStream::Answer {
        const DelayedEntry* const waiting = stream_.OfEvent(event);
        if (waiting == nullptr) return [this] { --calls_; };
        return [this, entry = *waiting] {
          if (entry.due - event_queue_.now() < kTooLate) return void(--calls_);
          CallOffNow(entry);
        };
      },
      [this] { --calls_; });
}

void DelayedLoad::CallOffNow(const DelayedEntry& entry) {
  DelayedEntry called_off = entry;
  called_off.called_off = true;
  stream_.Ask(
      [this, called_off, generation = stream_.generation()]() -> DelayedStream::Answer {
        const bool there = generation == stream_.generation() && stream_.Find(called_off.sequence) != nullptr;
        if (!there) return [this] { --calls_; };
        ledger_.Excuse(called_off.event);
        stream_.Store(called_off);
        return [this, called_off] {
          --calls_;
          if (called_off.due - event_queue_.now() < kNoticed) return;
          trace_.Note("promised to be called off, event", called_off.event);
          ledger_.CallOff(called_off.event);
        };
      },
      [this] { --calls_; });
}

}  // namespace penstock::eventbus::simulation
