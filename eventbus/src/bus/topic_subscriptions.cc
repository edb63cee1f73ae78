// SPDX-License-Identifier: Apache-2.0
#include "bus/topic_subscriptions.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/handle/invoke_handler.h"
#include "naming/names.h"
#include "naming/pattern.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

// More than priorities can differ: of messages in different classes the class decides.
constexpr int kClassApart = 1000;

}  // namespace

std::string ClassTopic(std::string_view topic, std::string_view name) {
  return absl::StrCat(std::string(topic), ".", std::string(name));
}

TopicSubscriptions::TopicSubscriptions(Parts parts)
    : parts_(std::move(parts)), follower_(parts_.options.base_stream_name, parts_.transport, parts_.options.log) {}

absl::Status TopicSubscriptions::CheckTopics(std::string_view what, std::string_view topic) const {
  return IsPattern(topic) ? CheckPattern(what, topic) : CheckTopic(what, topic, parts_.options.base_stream_name);
}

absl::StatusOr<SubscriptionId> TopicSubscriptions::Subscribe(std::string_view topic, Storage storage, SpecMaker make,
                                                             const std::vector<std::string>& classes) {
  if (!classes.empty()) return SubscribeClasses(topic, classes, make);
  if (!IsPattern(topic)) return SubscribeTopic(make(topic), storage);
  const SubscriptionId id = parts_.subscriptions.NewId();
  auto open = [this, id, storage, pattern = std::string(topic), make = std::move(make)](const std::string& each,
                                                                                        Beginning begins) {
    absl::StatusOr<SubscriptionSpec> spec = make(each);
    if (!spec.ok()) return absl::StatusOr<SubscriptionId>(spec.status());
    spec->pattern = pattern;
    spec->pattern_id = id;
    spec->consumer_spec.begins = begins;
    spec->consumer_spec.makes_stream = false;
    return SubscribeTopic(std::move(spec), storage);
  };
  const auto close = [this](SubscriptionId member, bool wait) {
    parts_.subscriptions.RemoveMember(member, wait).IgnoreError();
  };
  absl::Status added = follower_.Add(
      {.id = id, .pattern = std::string(topic), .storage = storage, .open = std::move(open), .close = close},
      /*wait=*/!IsInHandler());
  if (!added.ok()) return added;
  return id;
}

absl::StatusOr<SubscriptionId> TopicSubscriptions::SubscribeClasses(std::string_view topic,
                                                                    const std::vector<std::string>& classes,
                                                                    const SpecMaker& make) {
  if (IsPattern(topic)) {
    return absl::InvalidArgumentError(absl::StrCat("subscribe to ", Quoted(topic),
                                                   ": priority_classes are of one topic, and this is a pattern; "
                                                   "subscribe to each topic"));
  }
  const SubscriptionId id = parts_.subscriptions.NewId();
  std::shared_ptr<PoolSlots::Group> group;
  std::vector<SubscriptionId> members;
  absl::Status status;
  for (std::size_t i = 0; i <= classes.size() && status.ok(); ++i) {
    const std::string each = i < classes.size() ? ClassTopic(topic, classes[i]) : std::string(topic);
    status = CheckTopic("subscribe to", each, parts_.options.base_stream_name);
    absl::StatusOr<SubscriptionSpec> spec = status.ok() ? make(each) : absl::StatusOr<SubscriptionSpec>(status);
    if (spec.ok()) {
      const auto member = SubscribeClass(id, topic, *std::move(spec), classes.size() - i, group);
      if (member.ok()) members.push_back(*member);
      status = member.status();
    } else {
      status = spec.status();
    }
  }
  {
    MutexLock lock(mutex_);
    classes_.emplace(id, std::move(members));
  }
  if (status.ok()) return id;
  RemoveClasses(id, /*wait=*/!IsInHandler());
  return status;
}

// The group, which the first class makes, limits all of them together.
absl::StatusOr<SubscriptionId> TopicSubscriptions::SubscribeClass(SubscriptionId id, std::string_view topic,
                                                                  SubscriptionSpec spec, std::size_t rank,
                                                                  std::shared_ptr<PoolSlots::Group>& group) {
  const std::size_t most_at_once = std::exchange(spec.flow.max_concurrent, 0);
  if (most_at_once > 0 && !group) group = std::make_shared<PoolSlots::Group>(most_at_once);
  spec.group = group;
  spec.pattern = topic;
  spec.pattern_id = id;
  spec.by_priority = true;
  spec.priority += kClassApart * static_cast<int>(rank);
  return SubscribeTopic(std::move(spec), Storage::kFile);
}

// False when it has no classes.
bool TopicSubscriptions::RemoveClasses(SubscriptionId id, bool wait) {
  std::vector<SubscriptionId> members;
  {
    MutexLock lock(mutex_);
    const auto found = classes_.find(id);
    if (found == classes_.end()) return false;
    members = std::move(found->second);
    classes_.erase(found);
  }
  for (const SubscriptionId member : members) parts_.subscriptions.RemoveMember(member, wait).IgnoreError();
  return true;
}

absl::StatusOr<SubscriptionId> TopicSubscriptions::SubscribeTopic(absl::StatusOr<SubscriptionSpec> made,
                                                                  Storage storage) {
  if (!made.ok()) return made.status();
  SubscriptionSpec& spec = *made;
  TopicStreams& streams = parts_.streams;
  if (auto room = streams.Ensure(spec.topic, storage, StreamAccess::kConsume); !room.ok()) return room.status();
  if (spec.flow.acknowledges) {
    if (auto status = streams.EnsureDeadLetters(); !status.ok()) return status;
    if (parts_.transport.MayStoreTwice()) spec.flow.duplicate_window = streams.DuplicateWindow(spec.topic);
  }
  Aim(spec.consumer_spec, spec.topic, storage);
  return parts_.subscriptions.Add(std::move(spec), parts_.context, parts_.transport);
}

absl::StatusOr<Reader> TopicSubscriptions::Read(std::string_view topic, ReaderOptions options) {
  const SubscriptionId id = parts_.subscriptions.NewId();
  const std::string name(topic);
  auto channel = std::make_shared<ReadChannel>(id, name, std::move(options), parts_.options.log);
  absl::Status status = IsPattern(topic) ? ReadPattern(channel, id, name) : ReadTopic(*channel, name, {}).status();
  if (status.ok() && !readers_.Add(channel)) {
    status = absl::FailedPreconditionError(absl::StrCat("read ", Quoted(topic), ": the bus is draining or closed"));
  }
  if (status.ok()) return Reader(std::move(channel));
  channel->End(status, ReadChannel::Rest::kIsDropped);
  return status;
}

absl::Status TopicSubscriptions::ReadPattern(const std::shared_ptr<ReadChannel>& channel, SubscriptionId id,
                                             const std::string& pattern) {
  auto open = [this, channel](const std::string& topic, Beginning begins) {
    return ReadTopic(*channel, topic, {.begins = begins, .makes_stream = false});
  };
  return follower_.Add({.id = id,
                        .pattern = pattern,
                        .storage = Storage::kMemory,
                        .open = std::move(open),
                        .close = [channel](std::uint64_t source, bool) { channel->Close(source); },
                        .ended = [channel] { return channel->ended(); }},
                       /*wait=*/true);
}

absl::StatusOr<std::uint64_t> TopicSubscriptions::ReadTopic(ReadChannel& channel, const std::string& topic,
                                                            ConsumerSpec spec) {
  auto room = parts_.streams.Ensure(topic, Storage::kMemory, StreamAccess::kConsume);
  if (!room.ok()) return room.status();
  Aim(spec, topic, Storage::kMemory);
  return channel.Open(parts_.transport, std::move(spec));
}

void TopicSubscriptions::Aim(ConsumerSpec& spec, const std::string& topic, Storage storage) const {
  spec.stream = StreamName(parts_.options.base_stream_name, topic);
  spec.filter_subject = topic;
  spec.stream_spec = parts_.streams.SpecFor(topic, storage);
}

absl::Status TopicSubscriptions::Unsubscribe(SubscriptionId id) {
  const bool wait = !IsInHandler();
  if (follower_.Remove(id, wait) || RemoveClasses(id, wait)) return absl::OkStatus();
  return parts_.subscriptions.Remove(id, wait);
}

// Nothing here waits for a look that runs, which could be waiting for the server.
void TopicSubscriptions::Tick(const std::set<SubscriptionId>& disconnected) {
  for (const SubscriptionId id : disconnected) {
    if (!follower_.Remove(id, /*wait=*/false)) parts_.subscriptions.Remove(id, /*wait=*/false).IgnoreError();
  }
  readers_.Sweep();
}

void TopicSubscriptions::StopReading() {
  follower_.StopLooking();
  readers_.EndAll();
}

}  // namespace penstock::eventbus
