// SPDX-License-Identifier: Apache-2.0
// The table of JetStream's errors in docs/errors.md against the code.
#include <gmock/gmock.h>

#include <map>
#include <regex>
#include <string>

#include "jetstream/api/api_error.h"
#include "tests/document_table.h"

namespace penstock::eventbus::jetstream {
namespace {

using Code = absl::StatusCode;

/// A row of the document, which has several numbers.
struct Documented {
  std::string codes{};  // the cell, such as "`kFailedPrecondition`, `kAborted`"
  std::string again{};
};

std::map<int, Documented> DocumentedErrors() {
  const std::regex row("\\| ([0-9, ]+) \\| ([^|]*) \\| ([^|]*) \\|([^|]*)\\|"), number("[0-9]+");
  std::map<int, Documented> errors;
  for (const std::string& line : penstock::testing::TableRows(PENSTOCK_ERRORS_DOC, "## From JetStream")) {
    std::smatch cells;
    if (!std::regex_match(line, cells, row)) {
      ADD_FAILURE() << line;
      continue;
    }
    const std::string numbers = cells[1];
    for (std::sregex_iterator each(numbers.begin(), numbers.end(), number), end; each != end; ++each) {
      errors[std::stoi(each->str())] = {.codes = cells[3], .again = cells[4]};
    }
  }
  return errors;
}

std::string NameOf(Code code) {
  static const std::map<Code, std::string> kNames = {{Code::kInvalidArgument, "`kInvalidArgument`"},
                                                     {Code::kUnavailable, "`kUnavailable`"},
                                                     {Code::kFailedPrecondition, "`kFailedPrecondition`"},
                                                     {Code::kAlreadyExists, "`kAlreadyExists`"},
                                                     {Code::kNotFound, "`kNotFound`"},
                                                     {Code::kResourceExhausted, "`kResourceExhausted`"},
                                                     {Code::kPermissionDenied, "`kPermissionDenied`"},
                                                     {Code::kAborted, "`kAborted`"}};
  const auto found = kNames.find(code);
  return found == kNames.end() ? absl::StatusCodeToString(code) : found->second;
}

// By the column "tried again", which says more of some.
RefusalDuration DurationIn(const std::string& again) {
  if (again.find("yes") != std::string::npos) return RefusalDuration::kMoment;
  if (again.find("publishes") != std::string::npos) return RefusalDuration::kOutage;
  if (again.find("ends a subscription") != std::string::npos) return RefusalDuration::kLasting;
  return RefusalDuration::kUntilHealed;
}

TEST(ErrorsDocumentTest, KnowsEveryErrorThatTheCodeKnows) {
  const std::map<int, Documented> documented = DocumentedErrors();
  for (int number = 10000; number < 10300; ++number) {
    const ApiError error{.err_code = number};
    const bool known = CodeOf(error) != Code::kInternal;
    const auto found = documented.find(number);
    ASSERT_EQ(found != documented.end(), known) << number;
    if (!known) continue;
    EXPECT_THAT(found->second.codes, ::testing::HasSubstr(NameOf(CodeOf(error)))) << number;
    EXPECT_EQ(DurationIn(found->second.again), DurationOf(error)) << number;
  }
}

// What servers answered when streams and consumers were made ahead.
TEST(ErrorsDocumentTest, KnowsEveryErrorThatWasMet) {
  const std::map<int, Documented> documented = DocumentedErrors();
  for (const int number : {10012, 10013, 10043, 10052, 10054, 10057, 10058, 10065, 10077, 10093, 10098, 10099, 10100,
                           10101, 10109, 10116, 10121, 10169}) {
    EXPECT_TRUE(documented.contains(number)) << number;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
