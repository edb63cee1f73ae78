// SPDX-License-Identifier: Apache-2.0
#include "support/cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace penstock::testing {

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Launch(int servers) {
  std::vector<int> ports;
  std::vector<std::string> routes;
  for (int i = 0; i < servers; ++i) {
    ports.push_back(FreePort());
    routes.push_back(absl::StrCat("\"nats://127.0.0.1:", ports.back(), "\""));
  }
  std::unique_ptr<Cluster> cluster(new Cluster());
  for (int i = 0; i < servers; ++i) {
    auto server = NatsServer::Launch(
        {.config = absl::StrCat("server_name: n", i, "\nlame_duck_duration: \"30s\"\nlame_duck_grace_period: \"",
                                kLameDuckGrace.count(),
                                "s\"\ncluster: { name: test, listen: \"127.0.0.1:", ports[static_cast<std::size_t>(i)],
                                "\", routes: [", absl::StrJoin(routes, ", "), "] }\n")});
    if (!server.ok()) return server.status();
    cluster->servers_.push_back(*std::move(server));
  }
  return cluster;
}

}  // namespace penstock::testing
