// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/file_descriptor.h"
#include "penstock/metrics/http_endpoint.h"

namespace penstock::metrics {

/// A socket that listens where `options` say. Errors as `HttpEndpoint::Listen`.
absl::StatusOr<FileDescriptor> OpenListener(const HttpOptions& options);

/// The port of a listener, and whether its address is one of IPv6.
std::uint16_t PortOf(const FileDescriptor& listener);
bool IsV6(const FileDescriptor& listener);

}  // namespace penstock::metrics
