// SPDX-License-Identifier: Apache-2.0
// Many threads at once. ThreadSanitizer runs this too.
#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

class StreamContentionTest : public StreamTest {
 protected:
  static constexpr int kThreads = 4;
  static constexpr int kIds = 8;

  /// Whether no two callbacks of an ID run at once, whichever registration they are of.
  struct Occupied {
    std::atomic<int> inside{0};
    std::atomic<int> overlaps{0};
  };

  Registry::Callback Checking(int id) {
    return [this, id](int) {
      Occupied& place = places_[static_cast<std::size_t>(id)];
      if (place.inside.fetch_add(1) > 0) place.overlaps.fetch_add(1);
      place.inside.fetch_sub(1);
      called_.fetch_add(1);
      return absl::OkStatus();
    };
  }

  std::array<Occupied, kIds> places_{};
  std::atomic<std::uint64_t> called_{0};
};

TEST_F(StreamContentionTest, ProducersOfOneStreamKeepTheirOwnOrder) {
  constexpr int kEach = 5'000;
  std::array<int, kThreads> next{};
  bool in_order = true;
  Register("a", [&](int number) {
    in_order &= next[static_cast<std::size_t>(number / kEach)]++ == number % kEach;
    return absl::OkStatus();
  });
  std::vector<std::jthread> producers;
  for (int producer = 0; producer < kThreads; ++producer) {
    producers.emplace_back([this, producer] {
      for (int i = 0; i < kEach; ++i) {
        ASSERT_TRUE(registry_->Dispatch("a", producer * kEach + i, kPatience).ok());
      }
    });
  }
  producers.clear();
  Drained();
  EXPECT_EQ(registry_->Stats().total.succeeded, static_cast<std::uint64_t>(kThreads) * kEach);
  EXPECT_TRUE(in_order);
}

TEST_F(StreamContentionTest, RegisteringUnregisteringAndDispatchingAtOnceLosesNothing) {
  Open({.burst = 2}, 3);
  std::atomic<std::uint64_t> accepted{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::minstd_rand random(static_cast<unsigned>(thread + 1));
      for (int i = 0; i < 20'000; ++i) {
        const int id = static_cast<int>(random() % kIds);
        const std::string name = std::to_string(id);
        switch (random() % 16) {
          case 0:
            (void)registry_->Register(name, Checking(id), {.capacity = 1 + random() % 50});
            break;
          case 1:
            (void)registry_->Unregister(name, random() % 2 == 0 ? Pending::kFinish : Pending::kDrop,
                                        std::chrono::milliseconds(random() % 2));
            break;
          case 2:
            (void)registry_->Stats();
            (void)registry_->StatsOf(name);
            break;
          default:
            if (registry_->Dispatch(name, i, std::chrono::milliseconds(random() % 2)).ok()) ++accepted;
        }
      }
    });
  }
  threads.clear();
  const StreamDrainReport report = Drained();
  EXPECT_EQ(report.running, 0u);
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.accepted, accepted);
  EXPECT_EQ(total.succeeded, called_);
  EXPECT_EQ(total.succeeded + total.dropped, accepted);
  EXPECT_GT(total.succeeded, 0u);
  for (const Occupied& place : places_) EXPECT_EQ(place.overlaps, 0);
}

TEST_F(StreamContentionTest, CallbacksMayDoAllOfThatToo) {
  Open({.burst = 2}, 3);
  std::atomic<int> left{20'000};
  std::function<absl::Status(int)> callback = [&](int number) {
    if (left.fetch_sub(1) <= 0) return absl::OkStatus();
    const std::string other = std::to_string(number % kIds);
    if (number % 7 == 0) (void)registry_->Unregister(other, number % 2 == 0 ? Pending::kFinish : Pending::kDrop);
    (void)registry_->Register(other, callback, {.capacity = 10});
    (void)registry_->Dispatch(other, number * 31 + 1, kPatience);
    (void)registry_->Dispatch(std::to_string((number + 3) % kIds), number * 17 + 5);
    return absl::OkStatus();
  };
  for (int id = 0; id < kIds; ++id) Register(std::to_string(id), callback, {.capacity = 10});
  while (left > 0) {
    for (int id = 0; id < kIds; ++id) (void)registry_->Dispatch(std::to_string(id), id);
  }
  Drained();
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.succeeded + total.dropped, total.accepted);
}

}  // namespace
}  // namespace penstock::actorpool
