// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_host.h"

#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "chaos/event_plan.h"
#include "chaos/handler_pause.h"
#include "chaos/tasks/task_plan.h"
#include "penstock/eventbus/middleware.h"

namespace penstock::chaos {
namespace {

// A state is made of bytes by its codec, which can give it nothing else.
struct Process {
  std::uint64_t seed = 0;
  const TaskBooks* books = nullptr;
};
Process process;                       // set before the actor is hosted
thread_local bool ended_well = false;  // the handler that this thread called last

/// How many tasks of its key a state has seen.
struct TaskCount {
  std::uint64_t counted = 0;

  Outcome Handle(const TaskMessage& message, const Delivery& delivery);
};

}  // namespace
}  // namespace penstock::chaos

template <>
struct penstock::Codec<penstock::chaos::TaskCount> {
  static std::string Type() { return "ChaosTaskCount"; }
  static std::int64_t Version() { return 1; }
  static std::string_view ContentType() { return "text/plain"; }
  static absl::StatusOr<std::string> Encode(const penstock::chaos::TaskCount& count) {
    return std::to_string(count.counted);
  }
  static absl::StatusOr<penstock::chaos::TaskCount> Decode(std::string_view bytes) {
    penstock::chaos::TaskCount count;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), count.counted);
    if (error != std::errc{} || end != bytes.data() + bytes.size()) return absl::DataLossError("a count is no number");
    return count;
  }
};

namespace penstock::chaos {
namespace {

void Write(Entry kind, Result result, EventRef task, const Delivery& delivery, std::uint64_t counted = 0) {
  process.books->Write({.record = {.stream_sequence = delivery.stream_sequence(),
                                   .event = task,
                                   .delivery = static_cast<std::uint32_t>(delivery.attempt()),
                                   .kind = kind,
                                   .result = result},
                        .counted = counted});
}

Outcome TaskCount::Handle(const TaskMessage& message, const Delivery& delivery) {
  const std::optional<EventRef> task = ReadPayload(TaskSeed(process.seed), message.payload);
  if (!task) {
    Write(Entry::kStart, Result::kUnexpected, {}, delivery);
    return Reject("the task is none of this run's");
  }
  Write(Entry::kStart, Result::kNone, *task, delivery);
  const Behaviour behaviour = BehaviourAt(TaskSeed(process.seed), *task, delivery.attempt());
  if (behaviour == Behaviour::kSlow) Pause(SlowTime(process.seed, *task));
  ++counted;
  const bool bad = behaviour == Behaviour::kFail || behaviour == Behaviour::kThrow;
  ended_well = !bad;
  Write(Entry::kEnd, bad ? Result::kFailed : Result::kDone, *task, delivery, counted);
  if (behaviour == Behaviour::kThrow) throw std::runtime_error("thrown by the plan");
  return bad ? Retry("failed by the plan") : Outcome::With(TaskValue(process.seed, *task, counted));
}

/// Notes what becomes of a task when its handler has ended, or is not called.
class SavedStates final : public Middleware {
 public:
  Outcome OnHandle(const Envelope& envelope, const Delivery& delivery, NextHandler& next) override {
    ended_well = false;
    Outcome outcome = next();
    const std::optional<EventRef> task = ReadPayload(TaskSeed(process.seed), envelope.payload);
    if (!task) return outcome;
    if (outcome.already_handled()) Write(Entry::kSeen, Result::kNone, *task, delivery);
    if (ended_well && outcome.kind() == Outcome::Kind::kRetry) {
      Write(Entry::kNotSaved, Result::kNone, *task, delivery);
    }
    return outcome;
  }
};

}  // namespace

absl::Status HostTasks(EventBus& bus, std::uint64_t seed, const TaskBooks& books) {
  process = {seed, &books};
  return TaskActor({std::make_shared<SavedStates>()}).HostState<TaskCount>(bus).status();
}

}  // namespace penstock::chaos
