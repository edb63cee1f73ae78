// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace penstock::eventbus::jetstream {

/// The text of OpenSSL's oldest error on this thread; empties its list of errors.
std::string OpenSslText();

/// The meaning of a failed operation of TLS with `host`, by the oldest error in OpenSSL's list on this thread and the
/// result of verification (`X509_V_...`). `kFailedPrecondition` for certificates and alerts: expired, unknown issuer,
/// another name, a missing or refused client certificate, no TLS at all. `kUnavailable` for a connection that broke.
absl::Status TlsFault(long verify_result, std::string_view host, bool has_certificate);

}  // namespace penstock::eventbus::jetstream
