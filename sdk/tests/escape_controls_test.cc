// SPDX-License-Identifier: Apache-2.0
#include "escape_controls.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(EscapeControlsTest, LeavesPrintableTextAlone) {
  EXPECT_EQ(EscapeControls("plain \\ text, \xc3\xa9 \xe2\x82\xac"), "plain \\ text, \xc3\xa9 \xe2\x82\xac");
  EXPECT_EQ(EscapeControls(""), "");
}

TEST(EscapeControlsTest, EscapesWhatCouldForgeALineOrDriveATerminal) {
  EXPECT_EQ(EscapeControls("a\nb"), "a\\nb");
  EXPECT_EQ(EscapeControls("a\r\x1b[2J\x7f\t"), "a\\x0d\\x1b[2J\\x7f\\x09");
  EXPECT_EQ(EscapeControls(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(EscapeControlsTest, EscapesTheEightBitControlsOfUtf8) {
  EXPECT_EQ(EscapeControls("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(EscapeControls("\xc2\xa0\xc2"), "\xc2\xa0\xc2");
}

}  // namespace
}  // namespace penstock
