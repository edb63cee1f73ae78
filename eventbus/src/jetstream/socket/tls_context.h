// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "absl/status/statusor.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

struct FreeTlsContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTlsContext>;

/// The state that connections of these options share: trusted roots, own certificate. `kFailedPrecondition` names
/// the file that OpenSSL refuses.
absl::StatusOr<TlsContext> MakeTlsContext(const TlsOptions& options);

}  // namespace penstock::eventbus::jetstream
