// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "transport/transport.h"

namespace penstock::eventbus {

/// The topics that one pattern follows: which of those that have a stream now are to be opened, from where, and which
/// are to be closed, since their stream is gone. Pure: the time is the caller's. Thread-confined.
class FollowedTopics {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// A topic whose stream was not listed for so long is closed: a server that comes back may not list it for a moment.
  static constexpr std::chrono::seconds kGoneAfter{10};
  /// A topic that cannot be opened is tried again after a second, then after twice as long each time, up to this.
  static constexpr std::chrono::seconds kLongestPause{64};
  /// Each is a consumer, and on JetStream a thread.
  static constexpr std::size_t kMost = 1000;

  struct ToOpen {
    std::string topic{};
    Beginning begins = Beginning::kNew;
  };
  struct Changes {
    std::vector<ToOpen> to_open{};          ///< each to be told to `Opened` or `NotOpened`
    std::vector<std::uint64_t> to_close{};  ///< as `Opened` was told
    std::size_t beyond = 0;                 ///< topics that are left out, since there are `kMost` already
  };

  /// These topics have a stream now. Those of the first call begin with what is new, others with their first message.
  Changes Saw(const std::set<std::string>& listed, TimePoint now);

  void Opened(const std::string& topic, std::uint64_t member) { topics_[topic].member = member; }
  void NotOpened(const std::string& topic, TimePoint now);

  /// All that are open.
  std::vector<std::uint64_t> members() const;

 private:
  struct Topic {
    std::optional<std::uint64_t> member{};  ///< nothing: it is not open
    Beginning begins = Beginning::kFirst;
    TimePoint listed{};
    TimePoint try_from{};
    std::chrono::seconds pause{0};
  };

  void CloseGone(const std::set<std::string>& listed, TimePoint now, Changes& changes);

  std::map<std::string, Topic> topics_;
  bool saw_ = false;
};

}  // namespace penstock::eventbus
