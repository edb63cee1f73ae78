// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "penstock/actorpool/log.h"
#include "penstock/metrics/http_route.h"

namespace penstock::metrics {

/// Bodies below this are not compressed: they fit one packet anyway.
inline constexpr std::size_t kMinGzipBytes = 1024;

/// The reply that refuses a request with `status`. `route`: what there is at the path, if anything.
HttpReply Refusal(int status, const HttpRoute* route = nullptr);

/// The reply of the route's handler, compressed if that pays; 500 when it throws or its reply cannot be sent.
HttpReply Answer(const HttpRoute& route, const HttpRequest& request, const LogSink& log);

/// Hands `stream` to the route's handler, and closes it when that throws.
void HandOver(const HttpRoute& route, const HttpRequest& request, const std::shared_ptr<EventStream>& stream,
              const LogSink& log);

/// Whether the text may be the value of a header field: it cannot end the field.
bool IsFieldValue(std::string_view text);
/// Whether the text may be the name of a header field, or a method.
bool IsToken(std::string_view text);

}  // namespace penstock::metrics
