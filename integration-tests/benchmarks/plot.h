// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "benchmarks/report.h"

namespace penstock::bench {

/// An SVG picture with a bar for every row that has figures: to the right where ours is better, to the left where it is
/// worse, on a logarithmic scale.
std::string ToSvg(const std::vector<RowResult>& rows);

}  // namespace penstock::bench
