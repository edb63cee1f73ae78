// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "penstock/sdk/service.h"

namespace penstock {
namespace {

TEST(ExitCodeTest, SaysNothingWhenAllIsWell) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ExitCodeTest, TellsWrongConfigurationFromOtherErrors) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(ExitCode(absl::InvalidArgumentError("bad\noption")), 2);
  EXPECT_EQ(ExitCode(absl::UnavailableError("no server")), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "INVALID_ARGUMENT: bad\\noption\nUNAVAILABLE: no server\n");
}

}  // namespace
}  // namespace penstock
