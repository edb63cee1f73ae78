// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "penstock/eventbus/options.h"
#include "stream/stream_rules.h"

namespace penstock::eventbus {

/// The result of a look at a stream.
struct StreamReview {
  /// `kFailedPrecondition`, naming stream, field, value and remedy, for the first rule that refuses it.
  absl::Status status{};
  std::vector<std::string> warnings{};  ///< one text for each rule that warns
  std::string storage_mismatch{};       ///< the text of a storage that was not asked for, warned of or refused
};

/// Compares a stream with what it is to be used for.
StreamReview ReviewStream(const StreamFacts& found, const StreamNeed& need, StorageMismatch storage_mismatch);

}  // namespace penstock::eventbus
