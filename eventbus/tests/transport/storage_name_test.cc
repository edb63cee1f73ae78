// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "transport/transport.h"

namespace penstock::eventbus {
namespace {

TEST(StorageNameTest, IsTheServersWord) {
  EXPECT_EQ(StorageName(Storage::kMemory), "memory");
  EXPECT_EQ(StorageName(Storage::kFile), "file");
}

}  // namespace
}  // namespace penstock::eventbus
