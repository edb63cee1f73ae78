// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "penstock/eventbus/dead_letters.h"

namespace penstock::tool {

/// One call of `penstock dlq`.
struct Arguments {
  enum class Verb { kHelp, kList, kShow, kRedrive };

  Verb verb = Verb::kHelp;
  std::string help{};              ///< of `kHelp`: the text that was asked for
  std::string server{};            ///< empty: as the environment says
  std::string base_stream_name{};  ///< empty: the default
  bool json = false;
  std::uint64_t id = 0;  ///< of `kShow`
  DeadLetterQuery query{};
  ListOptions list{};
  RedriveOptions redrive{};
};

/// Reads the command line. `kInvalidArgument` with what is wrong and how it is used.
absl::StatusOr<Arguments> ReadArguments(int argc, const char* const* argv);

}  // namespace penstock::tool
