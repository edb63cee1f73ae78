// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "penstock/metrics/http_endpoint.h"

namespace penstock::metrics {

/// Bytes that the head of a request may have.
inline constexpr std::size_t kMaxHeadBytes = 8192;

/// The request in the bytes of a connection so far.
struct HttpRequest {
  /// 0: more bytes are needed. 200: a request that may be answered. Else: the status to refuse it with.
  int status = 0;
  bool head_only = false;
  /// Without the query. A view into the bytes.
  std::string_view path{};
};

/// Reads the head of a request from untrusted bytes.
HttpRequest ParseHttpRequest(std::string_view bytes);

/// The reply that refuses a request with `status`.
HttpReply Refusal(int status);

/// A reply as bytes. `head_only` leaves the body out, but not its length.
std::string SerializeHttpReply(const HttpReply& reply, bool head_only);

}  // namespace penstock::metrics
