// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmarks/contest.h"
#include "support/nats_server.h"

namespace penstock::bench {

/// How long one run of a program may take.
inline constexpr std::chrono::minutes kRunDeadline(10);

enum class Round {
  kWarmUp,  ///< a tenth of the size
  kMeasured,
};

/// How much a side does in a round.
std::uint64_t SizeOf(const Side& side, Round round);

/// The surroundings of a contest's sides when they start: a nats-server of its own and filled streams, where they want
/// any. For a contest over TLS the server has a certificate of its own.
///
/// **Thread safety:** thread-confined; the server dies with the thread that set the stage.
/// **Ownership:** owns the server and its store.
/// **Blocking:** all of it.
class Stage {
 public:
  /// `programs` is the folder bin/benchmarks. Whatever keeps the server or the filler from their work is an error.
  static absl::StatusOr<std::unique_ptr<Stage>> Set(const Contest& contest, const std::filesystem::path& programs);

  /// The command line of the next run: streams are there or fresh, durables always fresh.
  std::vector<std::string> CommandOf(const Side& side, Round round);

  /// Deletes what the last run left on the server.
  void CleanUp();

 private:
  struct Names {
    std::string topic{};  ///< the subject, and the end of the stream's name
    std::string durable{};
    std::string stream() const { return "BENCH_" + topic; }
  };

  explicit Stage(std::filesystem::path programs) : programs_(std::move(programs)) {}
  absl::Status Launch(const Contest& contest);
  absl::Status Fill(const Contest& contest, Round round);
  Names NamesOf(const Side& side, Round round);
  /// The options that say where a program works.
  std::vector<std::string> OptionsFor(const Names& names) const;

  const std::filesystem::path programs_;
  std::unique_ptr<testing::NatsServer> server_{};
  std::string tls_ca_{};  ///< of what signs the server's certificate; empty without TLS
  std::uint64_t runs_ = 0;
  std::vector<std::string> clean_up_{};  ///< the command that deletes what the last run left
};

}  // namespace penstock::bench
