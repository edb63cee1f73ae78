// SPDX-License-Identifier: Apache-2.0
#include "support/routed_cluster.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace penstock::testing {
namespace {

std::string Quoted(int port) { return absl::StrCat("\"nats://127.0.0.1:", port, "\""); }

std::string Accounts(bool jetstream) {
  return absl::StrCat("accounts: {\n  SYS: { users: [ { user: sys, password: sys } ] }\n  BUS: { jetstream: ",
                      jetstream ? "enabled" : "disabled",
                      ", users: [ { user: bus, password: bus } ] }\n}\nsystem_account: SYS\nno_auth_user: bus\n");
}

}  // namespace

absl::StatusOr<std::unique_ptr<RoutedCluster>> RoutedCluster::Launch(RoutedClusterOptions options) {
  std::unique_ptr<RoutedCluster> cluster(new RoutedCluster(std::move(options)));
  if (absl::Status made = cluster->MakeStores(); !made.ok()) return made;
  if (absl::Status made = cluster->MakeProxies(); !made.ok()) return made;
  for (std::size_t i = 0; i < cluster->size(); ++i) {
    auto server = NatsServer::Launch(
        {.jetstream = false, .config = cluster->ConfigOf(i, true), .binary = cluster->options_.binary});
    if (!server.ok()) return server.status();
    cluster->servers_.push_back(*std::move(server));
  }
  return cluster;
}

RoutedCluster::~RoutedCluster() {
  servers_.clear();
  disks_.clear();
  std::error_code ignored;
  if (!stores_.empty()) std::filesystem::remove_all(stores_, ignored);
}

absl::Status RoutedCluster::MakeStores() {
  std::string directory = (std::filesystem::temp_directory_path() / "penstock-cluster-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return absl::InternalError("start a cluster: no temporary directory");
  stores_ = directory;
  for (std::size_t i = 0; i < size() && options_.disk_bytes > 0; ++i) {
    auto disk = SmallDisk::Mount(stores_ / NameOf(i), options_.disk_bytes);
    if (!disk.ok()) return disk.status();
    disks_.push_back(*std::move(disk));
  }
  return absl::OkStatus();
}

absl::Status RoutedCluster::MakeProxies() {
  for (std::size_t i = 0; i < size(); ++i) ports_.push_back(FreePort());
  cut_.resize(size() * size());
  for (std::size_t from = 0; from < size(); ++from) {
    for (std::size_t to = 0; to < size(); ++to) {
      routes_.emplace_back();
      if (from == to) continue;
      auto proxy = TcpProxy::Start(ports_[to]);
      if (!proxy.ok()) return proxy.status();
      routes_.back() = *std::move(proxy);
    }
  }
  return absl::OkStatus();
}

std::string RoutedCluster::NameOf(std::size_t index) { return absl::StrCat("n", index); }

std::string RoutedCluster::ConfigOf(std::size_t index, bool jetstream) const {
  // A server counts the routes of its configuration, the one to itself too, to know how many make a quorum.
  std::vector<std::string> routes;
  for (std::size_t to = 0; to < size(); ++to) {
    routes.push_back(Quoted(to == index ? ports_[to] : routes_[Place(index, to)]->port()));
  }
  constexpr char kNobodyListens[] = "127.0.0.1:1";
  return absl::StrCat(
      "server_name: ", NameOf(index), "\njetstream: { store_dir: \"", (stores_ / NameOf(index)).string(),
      "\", max_mem: 64MB, max_file: 8GB }\ncluster: { name: routed, listen: \"127.0.0.1:", ports_[index],
      "\", no_advertise: true, advertise: \"", kNobodyListens, "\", routes: [", absl::StrJoin(routes, ", "), "] }\n",
      Accounts(jetstream), options_.config);
}

std::size_t RoutedCluster::CutRoute(std::size_t one, std::size_t other, Cut how) {
  std::size_t connections = 0;
  for (const std::size_t place : {Place(one, other), Place(other, one)}) {
    const auto& proxy = routes_[place];
    cut_[place] = true;
    connections += proxy->connections();
    if (how == Cut::kBlackHole) {
      proxy->SetFlow(TcpProxy::Flow::kHold, TcpProxy::Flow::kHold);
    } else {
      proxy->ServerIsAt(0);
      proxy->Cut();
    }
  }
  return connections;
}

std::size_t RoutedCluster::Isolate(std::size_t index, Cut how) {
  std::size_t connections = 0;
  for (std::size_t other = 0; other < size(); ++other) {
    if (other != index) connections += CutRoute(index, other, how);
  }
  return connections;
}

void RoutedCluster::Heal() {
  for (std::size_t place = 0; place < routes_.size(); ++place) {
    if (!cut_[place]) continue;
    routes_[place]->Cut();
    routes_[place]->ServerIsAt(ports_[place % size()]);
    routes_[place]->SetFlow(TcpProxy::Flow::kForward, TcpProxy::Flow::kForward);
    cut_[place] = false;
  }
}

void RoutedCluster::SetJetStream(bool enabled) {
  for (std::size_t i = 0; i < size(); ++i) {
    servers_[i]->set_config(ConfigOf(i, enabled));
    servers_[i]->Reload();
  }
}

}  // namespace penstock::testing
