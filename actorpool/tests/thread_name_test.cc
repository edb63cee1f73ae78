// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/internal/thread_name.h"

#include <array>
#include <thread>

#include "gtest/gtest.h"

namespace penstock {
namespace {

/// The name that a thread has after it was given `name`.
std::string NameAfter(std::string_view name) {
  std::array<char, 64> read{};
  std::jthread([&] {
    SetThreadName(name);
    pthread_getname_np(pthread_self(), read.data(), read.size());
  }).join();
  return read.data();
}

TEST(ThreadNameTest, NamesTheCallingThread) { EXPECT_EQ(NameAfter("ps-io"), "ps-io"); }

TEST(ThreadNameTest, CutsALongNameInsteadOfIgnoringIt) {
  EXPECT_EQ(NameAfter("fifteen-bytes-1"), "fifteen-bytes-1");
  EXPECT_EQ(NameAfter("fifteen-bytes-12"), "fifteen-bytes-1");
}

}  // namespace
}  // namespace penstock
