// SPDX-License-Identifier: Apache-2.0
#include "support/nats_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "penstock/actorpool/internal/file_descriptor.h"
#include "support/eventually.h"
#include "support/raw_nats.h"

namespace penstock::testing {
namespace {

constexpr std::chrono::seconds kStartTimeout(10);
constexpr int kPortAttempts = 5;

std::string Chosen(const std::string& binary) {
  if (!binary.empty()) return binary;
  const char* const named = std::getenv("NATS_SERVER_PROGRAM");
  return named == nullptr || *named == '\0' ? "nats-server" : named;
}

std::string FindProgram(const std::string& binary) {
  if (binary.find('/') != std::string::npos) return access(binary.c_str(), X_OK) == 0 ? binary : "";
  const char* path = std::getenv("PATH");
  const std::vector<std::string> folders =
      absl::StrSplit(absl::StrCat(path == nullptr ? "" : path, ":/usr/sbin:/usr/local/bin"), ':', absl::SkipEmpty());
  for (const std::string& folder : folders) {
    const std::string candidate = absl::StrCat(folder, "/", binary);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

absl::StatusOr<std::string> ProgramNamed(const std::string& binary) {
  const std::string chosen = Chosen(binary);
  std::string program = FindProgram(chosen);
  if (!program.empty()) return program;
  return absl::NotFoundError(
      absl::StrCat("start nats-server: no program \"", chosen, "\"; install the package nats-server"));
}

bool IsFree(int port) {
  const FileDescriptor tried(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return bind(tried.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// Ports that this process has given out and that perhaps nobody listens on yet, or not at the moment: a name in the
// abstract namespace stands for each, so that no other process of the tests gives them out either.
class PortsInUse {
 public:
  // False when this or another process has it.
  bool Take(int port) {
    FileDescriptor name(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = absl::StrCat("penstock-test-port-", port);
    text.copy(&address.sun_path[1], text.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    if (bind(name.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    names_.push_back(std::move(name));
    if (names_.size() > kMost) names_.pop_front();
    return true;
  }

 private:
  static constexpr std::size_t kMost = 256;
  std::mutex mutex_{};
  std::deque<FileDescriptor> names_{};
};

}  // namespace

// Below the ports that the kernel gives to outgoing connections: one of those could have the port of a server that is
// down for a moment.
int FreePort() {
  static PortsInUse in_use;
  std::random_device random;
  std::uniform_int_distribution<int> ports(20'000, 32'000);
  int port = ports(random);
  while (!IsFree(port) || !in_use.Take(port)) port = ports(random);
  return port;
}

absl::StatusOr<std::unique_ptr<NatsServer>> NatsServer::Launch(NatsServerOptions options) {
  absl::StatusOr<std::string> program = ProgramNamed(options.binary);
  if (!program.ok()) return program.status();
  std::string directory = (std::filesystem::temp_directory_path() / "penstock-nats-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return absl::InternalError("start nats-server: no temporary directory");
  std::unique_ptr<NatsServer> server(new NatsServer(std::move(options), *std::move(program), directory));
  absl::Status status;
  // Another process may take the port between our look and the server's bind.
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    server->port_ = FreePort();
    status = server->Start();
    if (status.ok()) return server;
  }
  return status;
}

NatsServer::NatsServer(NatsServerOptions options, std::string program, std::filesystem::path directory)
    : options_(std::move(options)), program_(std::move(program)), directory_(std::move(directory)) {}

NatsServer::~NatsServer() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string NatsServer::url() const { return absl::StrCat("nats://127.0.0.1:", port_); }

std::string NatsServer::log() const {
  std::ostringstream text;
  text << std::ifstream(directory_ / "server.log").rdbuf();
  return text.str();
}

void NatsServer::WriteConfig() const {
  std::ofstream file(directory_ / "server.conf");
  file << "host: 127.0.0.1\nport: " << port_ << "\nlog_file: \"" << (directory_ / "server.log").string() << "\"\n";
  if (options_.jetstream) {
    file << "jetstream: { store_dir: \"" << store().string() << "\"";
    if (!options_.domain.empty()) file << ", domain: " << options_.domain;
    file << " }\n";
  }
  file << options_.config << "\n";
}

absl::Status NatsServer::Start() {
  if (running()) return absl::FailedPreconditionError("start nats-server: it runs already");
  WriteConfig();
  if (absl::Status spawned = Spawn(); !spawned.ok()) return spawned;
  absl::Status greeting = AwaitGreeting();
  if (!greeting.ok()) Kill();
  return greeting;
}

absl::Status NatsServer::Spawn() {
  auto process =
      ChildProcess::Spawn({.command = {program_, "-c", (directory_ / "server.conf").string()}, .log = "/dev/null"});
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  return absl::OkStatus();
}

absl::Status NatsServer::AwaitGreeting() {
  bool exited = false;
  const bool greeted = Eventually(
      [&] {
        exited = process_->Await(std::chrono::milliseconds(0)).has_value();
        return exited || (options_.greets ? RawNats::Greets(port_) : RawNats::Accepts(port_));
      },
      kStartTimeout, std::chrono::milliseconds(10));
  if (exited) process_.reset();
  if (greeted && !exited) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("start nats-server on port ", port_, ": ",
                                             exited ? "it ended at once" : "no greeting within 10s",
                                             "; its log says: ", log()));
}

void NatsServer::End(int signal) {
  if (!running()) return;
  process_->End(signal);
  process_.reset();
}

void NatsServer::Stop() { End(SIGTERM); }
void NatsServer::Kill() { End(SIGKILL); }

void NatsServer::Pause() {
  if (running()) process_->Stop();
}
void NatsServer::Resume() { Signal(SIGCONT); }

void NatsServer::Reload() const {
  WriteConfig();
  Signal(SIGHUP);
}

absl::Status NatsServer::UseProgram(const std::string& binary) {
  absl::StatusOr<std::string> program = ProgramNamed(binary);
  if (!program.ok()) return program.status();
  program_ = *std::move(program);
  return absl::OkStatus();
}

absl::Status NatsServer::Reload(std::string config) {
  set_config(std::move(config));
  WriteConfig();
  const std::size_t begin = log().size();
  Signal(SIGHUP);
  const auto reloaded = [&] { return log().find("Reloaded server configuration", begin) != std::string::npos; };
  if (Eventually(reloaded, kStartTimeout)) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("reload nats-server on port ", port_, ": not done within 10s; its log says: ", log().substr(begin)));
}

void NatsServer::Signal(int signal) const {
  if (running()) process_->Signal(signal);
}

}  // namespace penstock::testing
