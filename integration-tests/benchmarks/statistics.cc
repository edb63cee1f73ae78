// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/statistics.h"

#include <algorithm>
#include <cstddef>

namespace penstock::bench {

double Median(std::vector<double> sample) {
  if (sample.empty()) return 0;
  std::ranges::sort(sample);
  const std::size_t middle = sample.size() / 2;
  return sample.size() % 2 == 1 ? sample[middle] : (sample[middle - 1] + sample[middle]) / 2;
}

std::vector<double> PairedRatios(std::span<const double> ours, std::span<const double> peer) {
  std::vector<double> ratios;
  for (std::size_t pair = 0; pair < std::min(ours.size(), peer.size()); ++pair) {
    if (peer[pair] > 0) ratios.push_back(ours[pair] / peer[pair]);
  }
  return ratios;
}

double Spread(const std::vector<double>& sample) {
  const double median = Median(sample);
  if (median <= 0) return 0;
  const auto [smallest, largest] = std::ranges::minmax_element(sample);
  return (*largest - *smallest) / median;
}

}  // namespace penstock::bench
