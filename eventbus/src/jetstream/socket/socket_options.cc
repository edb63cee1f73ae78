// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace penstock::eventbus::jetstream {

void SetSocketOptions(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const int unacknowledged_ms = static_cast<int>(kLongestUnacknowledged.count());
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof(unacknowledged_ms));
}

}  // namespace penstock::eventbus::jetstream
