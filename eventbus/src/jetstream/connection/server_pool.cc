// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/server_pool.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace penstock::eventbus::jetstream {

ServerPool::ServerPool(std::vector<ServerAddress> configured, std::minstd_rand& random)
    : credentials_(configured.front()),
      tls_(std::ranges::any_of(configured, &ServerAddress::tls)),
      configured_(configured.size()),
      servers_(std::move(configured)) {
  std::ranges::shuffle(servers_, random);
}

const ServerAddress& ServerPool::Next() {
  const std::size_t next = next_ < servers_.size() ? next_ : 0;
  next_ = next + 1;
  return servers_[next];
}

void ServerPool::Learn(const std::vector<std::string>& places) {
  if (places.empty()) return;
  servers_.resize(configured_);
  for (const std::string& place : places) {
    const std::optional<ServerAddress> named = ParsePlace(place);
    if (!named) continue;
    const bool known = std::ranges::any_of(servers_, [&](const ServerAddress& each) { return each.SamePlace(*named); });
    if (known) continue;
    ServerAddress server = credentials_;
    server.host = named->host;
    server.port = named->port;
    servers_.push_back(std::move(server));
  }
}

}  // namespace penstock::eventbus::jetstream
