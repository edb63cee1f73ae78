// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::metrics {

/// One element of an `Accept` or `Accept-Encoding` field, in lower case.
struct Preference {
  std::string name{};                                             ///< such as "text/plain", "gzip" or "*"
  std::vector<std::pair<std::string, std::string>> parameters{};  ///< those before `q`
  int quality = 1000;                                             ///< thousandths
};

/// The elements of a field. One whose quality is none is left out. Untrusted bytes.
std::vector<Preference> ParsePreferences(std::string_view field);

/// Whether a body may be sent compressed by gzip, and should rather than as it is.
bool PrefersGzip(std::string_view accept_encoding);

/// A media type that can be sent, such as "text/plain" with the parameters {"version", "0.0.4"}.
using MediaType = Preference;

/// The index of the offer that `accept` prefers: of the highest quality, then named most exactly, then the first. 0
/// when it accepts none. The parameters `charset` and `escaping` of a range are not looked at.
std::size_t BestOffer(std::string_view accept, std::span<const MediaType> offers);

}  // namespace penstock::metrics
