// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/metrics/http_route.h"

namespace penstock::metrics {

/// Bytes that the head of a request may have.
inline constexpr std::size_t kMaxHeadBytes = 8192;

/// The contents of the head of a well-formed request.
struct RequestHead {
  int version = 11;  ///< 10 and 11: HTTP/1.0 and 1.1
  std::string_view method{};
  std::string_view target{};
  std::size_t hosts = 0;  ///< `Host` fields
  std::optional<std::uint64_t> content_length{};
  bool unknown_coding = false;  ///< its body comes in another transfer coding than `chunked`
};

/// The decision about a request after its head.
struct HeadVerdict {
  int refusal = 0;                   ///< the status to refuse it with; 0: `route` answers it
  const HttpRoute* route = nullptr;  ///< the route of the path, also when it does not take the method
};

HeadVerdict Judge(const RequestHead& head, const std::map<std::string, HttpRoute>& routes);

/// The target without its query, and the query.
std::string_view PathOf(std::string_view target);
std::string_view QueryOf(std::string_view target);

}  // namespace penstock::metrics
