// SPDX-License-Identifier: Apache-2.0
#include "chaos/run_folder.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "support/status_matchers.h"

namespace penstock::chaos {
namespace {

using ::testing::HasSubstr;

class RunFolderTest : public ::testing::Test {
 protected:
  RunFolderTest() : folder_(*MakeRunFolder("")) {}
  ~RunFolderTest() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_;
};

TEST_F(RunFolderTest, IsATemporaryOneOfItsOwnUnlessOneIsNamed) {
  const auto another = MakeRunFolder("");
  ASSERT_TRUE(another.ok());
  EXPECT_NE(*another, folder_);
  EXPECT_TRUE(std::filesystem::is_empty(*another));
  std::filesystem::remove_all(*another);
}

TEST_F(RunFolderTest, TakesOneThatIsEmptyAndMakesOneThatIsNotThere) {
  EXPECT_EQ(*MakeRunFolder(folder_.string()), folder_);
  const std::filesystem::path below = folder_ / "a" / "b";
  EXPECT_EQ(*MakeRunFolder(below.string()), below);
  EXPECT_TRUE(std::filesystem::is_directory(below));
}

TEST_F(RunFolderTest, RefusesOneThatHoldsTheBooksOfAnotherRun) {
  std::ofstream(folder_ / "publisher.ledger") << "old";
  const auto refused = MakeRunFolder(folder_.string());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("the folder is not empty; name a new one"));
}

TEST_F(RunFolderTest, RefusesWhatIsNoFolder) {
  std::ofstream(folder_ / "file") << "text";
  EXPECT_EQ(MakeRunFolder((folder_ / "file").string()).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace penstock::chaos
