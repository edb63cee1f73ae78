// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"

namespace penstock::eventbus::jetstream {

/// What OpenSSL reported last on this thread, in its words; empties its list of errors.
std::string OpenSslText();

/// What a failed operation of TLS means, by the oldest error in OpenSSL's list on this thread and the result of
/// verification (`X509_V_...`). `kFailedPrecondition` for certificates and alerts: expired, unknown issuer, another
/// name, a missing or refused client certificate, no TLS at all. `kUnavailable` for a connection that broke.
absl::Status TlsFault(long verify_result, bool has_certificate);

}  // namespace penstock::eventbus::jetstream
