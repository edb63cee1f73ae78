// SPDX-License-Identifier: Apache-2.0
// The README's example, compiled and run. A test compares the two texts, so that neither changes alone.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/actor_pool.h"
#include "tests/snippet.h"

namespace penstock::actorpool {
namespace {

struct Order {
  std::string customer{};
  int number = 0;
};

std::mutex mutex;
std::map<std::string, std::vector<int>> mailed;

absl::Status SendMail(const Order& order) {
  const std::lock_guard lock(mutex);
  mailed[order.customer].push_back(order.number);
  return absl::OkStatus();
}

absl::Status MailAll(const std::vector<Order>& orders) {
  // [readme]
  auto pool = penstock::actorpool::ActorPool::Create({.name = "mail", .actors = 64, .workers = 2});
  if (!pool.ok()) return pool.status();
  const auto report = [](const penstock::actorpool::Completion& end) {
    if (!end.status.ok()) std::cerr << "no mail went out: " << end.status << "\n";
  };

  for (const Order& order : orders) {
    // One customer's mails leave in order, one at a time. A full inbox makes us wait for space.
    absl::Status accepted =
        (*pool)->ProcessMessage({.key = order.customer, .work = [order] { return SendMail(order); }, .settled = report},
                                std::chrono::seconds(5));
    if (!accepted.ok()) return accepted;
  }
  return (*pool)->Drain(std::chrono::seconds(30));  // Finishes what was accepted.
  // [readme]
}

TEST(ReadmeSnippetTest, MailsEveryCustomersOrdersInOrder) {
  std::vector<Order> orders;
  for (int i = 0; i < 900; ++i) orders.push_back({.customer = "customer-" + std::to_string(i % 9), .number = i});
  mailed.clear();
  ASSERT_TRUE(MailAll(orders).ok());
  ASSERT_EQ(mailed.size(), 9u);
  for (const auto& [customer, numbers] : mailed) {
    EXPECT_EQ(numbers.size(), 100u) << customer;
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << customer;
  }
}

TEST(ReadmeSnippetTest, IsWhatTheReadmeShows) {
  const std::string snippet = SnippetOf(TextOf(ACTORPOOL_TESTS "/readme_snippet_test.cc"), "readme");
  EXPECT_GT(snippet.size(), 500u);
  EXPECT_THAT(TextOf(ACTORPOOL_README), ::testing::HasSubstr(snippet));
}

}  // namespace
}  // namespace penstock::actorpool
