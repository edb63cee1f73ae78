// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace penstock::bench {

/// The middle of a sample, the mean of the two in the middle when its size is even; 0 of an empty one.
double Median(std::vector<double> sample);

/// The ratios of `ours` to `peer`, run by run. As many as both have; a pair whose peer is not above 0 is left out.
std::vector<double> PairedRatios(std::span<const double> ours, std::span<const double> peer);

/// How far a sample spreads: its largest minus its smallest as a share of its median; 0 where there is no median above
/// 0.
double Spread(const std::vector<double>& sample);

}  // namespace penstock::bench
