// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/machine.h"

#include <sys/utsname.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "support/nats_server.h"
#include "support/raw_nats.h"

namespace penstock::bench {
namespace {

std::string CpuModel() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string Kernel() {
  utsname names{};
  return uname(&names) == 0 ? names.release : "unknown";
}

double LoadAverage() {
  std::array<double, 1> load = {0};
  return getloadavg(load.data(), load.size()) == 1 ? load[0] : 0;
}

std::string ServerVersion() {
  const auto server = testing::NatsServer::Launch();
  if (!server.ok()) return "";
  const auto connection = testing::RawNats::Connect((*server)->port());
  if (!connection.ok()) return "";
  const auto info = nlohmann::json::parse(connection->info(), nullptr, false);
  return info.is_object() ? info.value("version", "") : "";
}

}  // namespace

Machine ThisMachine(std::string commit) {
  return {.cpu = CpuModel(),
          .cores = std::thread::hardware_concurrency(),
          .kernel = Kernel(),
          .load_average = LoadAverage(),
          .nats_server = ServerVersion(),
          .commit = std::move(commit)};
}

}  // namespace penstock::bench
