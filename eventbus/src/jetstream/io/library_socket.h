// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>
#include <unistd.h>

namespace penstock::eventbus::jetstream {

/// Whether the library closes the socket that an event loop was given, as it did before 3.9.2; since then the loop has
/// to, once it does not poll it any more.
inline bool LibraryClosesSocket() {
  static const bool kCloses = nats_GetVersionNumber() < 0x030902;
  return kCloses;
}

/// Once the connection is destroyed. -1: there was none.
inline void CloseAfterLibrary(natsSock socket) {
  if (socket >= 0 && !LibraryClosesSocket()) close(socket);
}

}  // namespace penstock::eventbus::jetstream
