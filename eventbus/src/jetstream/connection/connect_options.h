// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "jetstream/io/handles.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// The servers of a comma-separated URL, without spaces and empty entries.
std::vector<std::string> SplitServers(std::string_view url);

/// `servers`, and those of `discovered` that are not among them, with the user and password of the first of `servers`.
std::vector<std::string> MergeServers(std::vector<std::string> servers, const std::vector<std::string>& discovered);

/// Whether a connection to these is encrypted: the library refuses a server that wants it otherwise.
bool WantsTls(const BusOptions& options, const std::vector<std::string>& servers);

/// nats.c's options for one connection attempt that does not reconnect by itself. `kInvalidArgument` and
/// `kFailedPrecondition` name the option that the library refused, never its value.
absl::StatusOr<OptionsHandle> MakeConnectOptions(const BusOptions& options, const std::vector<std::string>& servers);

}  // namespace penstock::eventbus::jetstream
