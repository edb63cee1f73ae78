// SPDX-License-Identifier: Apache-2.0
#include "bus/follow/followed_topics.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace penstock::eventbus {

FollowedTopics::Changes FollowedTopics::Saw(const std::set<std::string>& listed, TimePoint now) {
  Changes changes;
  CloseGone(listed, now, changes);
  const Beginning begins = std::exchange(saw_, true) ? Beginning::kFirst : Beginning::kNew;
  for (const std::string& name : listed) {
    if (!topics_.contains(name) && topics_.size() >= kMost) {
      ++changes.beyond;
      continue;
    }
    Topic& topic = topics_.try_emplace(name, Topic{.begins = begins}).first->second;
    topic.listed = now;
    if (!topic.member && topic.try_from <= now) changes.to_open.push_back({name, topic.begins});
  }
  return changes;
}

void FollowedTopics::CloseGone(const std::set<std::string>& listed, TimePoint now, Changes& changes) {
  for (auto each = topics_.begin(); each != topics_.end();) {
    const auto& [name, topic] = *each;
    const bool gone = !listed.contains(name) && (!topic.member || now - topic.listed >= kGoneAfter);
    if (gone && topic.member) changes.to_close.push_back(*topic.member);
    each = gone ? topics_.erase(each) : std::next(each);
  }
}

void FollowedTopics::NotOpened(const std::string& topic, TimePoint now) {
  Topic& known = topics_[topic];
  known.pause = std::clamp<std::chrono::seconds>(2 * known.pause, std::chrono::seconds(1), kLongestPause);
  known.try_from = now + known.pause;
}

std::vector<std::uint64_t> FollowedTopics::members() const {
  std::vector<std::uint64_t> all;
  for (const auto& [name, topic] : topics_) {
    if (topic.member) all.push_back(*topic.member);
  }
  return all;
}

}  // namespace penstock::eventbus
