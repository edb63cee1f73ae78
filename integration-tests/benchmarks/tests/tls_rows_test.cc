// SPDX-License-Identifier: Apache-2.0
// The programs of the rows over TLS, on real servers.
#include <gmock/gmock.h>

#include <ostream>

#include "benchmarks/catalog.h"
#include "benchmarks/child.h"
#include "benchmarks/runner.h"
#include "support/nats_server.h"
#include "support/status_matchers.h"
#include "support/test_certificate.h"

namespace penstock::bench {

void PrintTo(const Contest& contest, std::ostream* stream) { *stream << contest.rows[0].name; }

namespace {

using penstock::testing::IsOk;
using penstock::testing::NatsServer;
using penstock::testing::TestCertificate;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPrograms = PENSTOCK_BENCHMARK_PROGRAMS;
constexpr std::chrono::seconds kDeadline(60);

class TlsRowsTest : public ::testing::TestWithParam<Contest> {};

std::vector<Contest> SmallContests() {
  std::vector<Contest> contests = AllContests(Effort::kQuick);
  std::erase_if(contests, [](const Contest& contest) { return !contest.tls; });
  for (Contest& contest : contests) {
    if (contest.calibration) contest.calibration->arguments.back() = "0.01";  // seconds
    for (Side* const side : {&contest.ours, &contest.peers[0]}) {
      if (side->size_option == "--messages") side->size = 1000;
    }
  }
  return contests;
}

std::string NameOf(const ::testing::TestParamInfo<Contest>& info) { return info.param.rows[0].name; }

TEST_P(TlsRowsTest, EverySideDoesItsWork) {
  const ContestResult result = Runner({.programs = kPrograms, .pairs = 1}).Run(GetParam());
  EXPECT_THAT(result.ours.failed, IsEmpty());
  EXPECT_THAT(result.ours.runs, SizeIs(1));
  EXPECT_THAT(result.peers[0].failed, IsEmpty());
  EXPECT_THAT(result.peers[0].runs, SizeIs(1)) << result.peers[0].absent;
}

TEST_P(TlsRowsTest, NoSideFallsBackToPlaintext) {
  const auto server = NatsServer::Launch();
  ASSERT_THAT(server, IsOk());
  const auto certificate = TestCertificate::Get();
  ASSERT_THAT(certificate, IsOk());
  for (const Side* const side : {&GetParam().ours, &GetParam().peers[0]}) {
    const std::filesystem::path program = std::filesystem::path(kPrograms) / side->program;
    const auto outcome = RunToEnd({program, "--url", (*server)->url(), "--tls-ca", (*certificate)->file(), "--stream",
                                   "BENCH_plain", "--subject", "plain"},
                                  kDeadline);
    ASSERT_THAT(outcome, IsOk());
    EXPECT_EQ(outcome->exit_code, 1) << side->program;
    EXPECT_THAT(outcome->errors, HasSubstr("connect")) << side->program;
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, TlsRowsTest, ::testing::ValuesIn(SmallContests()), NameOf);

}  // namespace
}  // namespace penstock::bench
