// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::bench {

/// The figure of a run that is compared.
enum class Figure {
  kRate,  ///< messages a second: higher is better
  kP50,   ///< latency in microseconds: lower is better
  kP99,
  kBytesPerIdleActor,  ///< resident memory: lower is better
  kBytesPerIdleSubscription,
  kBytesPerIdleKey,
  kBytesPerMessageSeen,
};

/// The surroundings that a program finds when it starts.
enum class Ground {
  kNone,          ///< no server
  kFilledStream,  ///< a stream with all its messages, the same for every run
  kFreshStream,   ///< the name of a stream that is not there yet
};

/// A program and how it is run.
struct Side {
  std::string name{};     ///< as the tables show it
  std::string program{};  ///< below bin/benchmarks: `load/...` is ours, `peers/...` somebody else's; or absolute
  std::vector<std::string> arguments{};
  std::uint64_t size = 0;                  ///< how much it does
  std::string size_option = "--messages";  ///< which tells it the size; empty: nothing does
  Ground ground = Ground::kNone;
};

struct Row {
  std::string name{};
  Figure figure = Figure::kRate;
};

/// A rate that follows from arithmetic: nobody can be faster.
struct Ideal {
  std::string name{};
  double messages_per_second = 0;
};

/// Programs that do the same work, to be run in turns. Without peers and ideal it states what ours comes to.
struct Contest {
  std::vector<Row> rows{};  ///< what to report of the same runs
  Side ours{};
  std::vector<Side> peers{};
  std::optional<Ideal> ideal{};
  bool tls = false;                 ///< the server requires TLS, and programs get `--tls-ca FILE`
  std::vector<std::string> fill{};  ///< how to fill the stream, besides its size, which is that of `ours`
  /// Its rate, halved, is put in the place of `{rate}` in all arguments.
  std::optional<Side> calibration{};
};

}  // namespace penstock::bench
