// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <future>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "connection/relayed_server.h"
#include "penstock/penstock.h"

namespace penstock::testing {
namespace {

using Inheritance = std::multiset<std::string>;

/// The possessions of a child that is started now: its descriptors, as links of /proc name them, without those that its
/// own start opens; and the signals that it blocks and ignores.
Inheritance OfAChild() {
  std::string text;
  if (FILE* const child =
          popen("grep '^Sig[BI]' /proc/self/status; for fd in /proc/self/fd/*; do readlink $fd; done", "r")) {
    std::array<char, 4096> chunk;
    while (const std::size_t count = fread(chunk.data(), 1, chunk.size(), child)) text.append(chunk.data(), count);
    pclose(child);
  }
  Inheritance found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("socket:") || line.starts_with("anon_inode:") || line.starts_with("Sig")) found.insert(line);
  }
  EXPECT_GE(found.size(), 2U) << text;
  return found;
}

/// A shell lets what it runs in the background ignore SIGINT.
void ForgetSignalsOfOurParent() {
  for (const int signal : {SIGTERM, SIGINT}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// How a child ends that is sent this signal: by it, or else it is killed.
int EndOfAChild(int signal) {
  std::string program = "sleep", time = "60";
  char* const arguments[] = {program.data(), time.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, "sleep", nullptr, nullptr, arguments, environ) != 0) return 0;
  kill(child, signal);
  int status = 0;
  const auto ended = [&] { return waitpid(child, &status, WNOHANG) == child; };
  if (!Eventually(ended, seconds(10))) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/// A connection to the endpoint of a service, which is served as long as this lives.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~HttpClient() { close(socket_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

 private:
  const int socket_;
};

class ChildrenOfAHandler : public RelayedServer, public ::testing::WithParamInterface<Wire> {
 protected:
  /// The result of `look` within a handler.
  template <typename Look>
  static auto SeenByAHandler(EventBus& bus, Look look) {
    using Seen = decltype(look());
    auto seen = std::make_shared<std::promise<Seen>>();
    const auto id = bus.SubscribeEnvelope("orders", [seen, look](const Envelope&, const Delivery&) {
      seen->set_value(look());
      return Ack();
    });
    EXPECT_THAT(id, IsOk());
    EXPECT_THAT(bus.PublishEnvelope("orders", Event("start a child")), IsOk());
    auto future = seen->get_future();
    EXPECT_EQ(future.wait_for(seconds(20)), std::future_status::ready);
    return future.get();
  }
};

TEST_P(ChildrenOfAHandler, InheritNothing) {
  RunIsolated(kPatience, [&] {
    ForgetSignalsOfOurParent();
    const auto relay = Relay(GetParam());
    const Inheritance before = OfAChild();
    const auto bus = Connect(Options(relay->url()));
    ASSERT_NE(bus, nullptr);
    EXPECT_EQ(SeenByAHandler(*bus, OfAChild), before);
  });
}

TEST_P(ChildrenOfAHandler, InheritNothingOfAServiceThatHasConnectedAgain) {
  RunIsolated(kPatience, [&] {
    ForgetSignalsOfOurParent();
    const auto relay = Relay(GetParam());
    const Inheritance before = OfAChild();
    auto service = Service::Create({.bus = Options(relay->url()), .metrics_port = 0, .log_level = LogLevel::kError});
    ASSERT_THAT(service, IsOk());
    EventBus& bus = (*service)->bus();
    auto bucket = bus.Bucket("states");
    ASSERT_THAT(bucket, IsOk());
    const auto watch = (*bucket)->Watch(">", {.on_entry = [](const BucketEntry&) {}});
    ASSERT_THAT(watch, IsOk());
    const HttpClient client((*service)->metrics_port());
    relay->Cut();
    ASSERT_TRUE(AwaitReconnect(bus, 0, seconds(20)));
    EXPECT_EQ(SeenByAHandler(bus, OfAChild), before);
    EXPECT_EQ(OfAChild(), before) << "from the main thread";
  });
}

TEST_P(ChildrenOfAHandler, AreEndedByTheSignalsThatStopTheService) {
  RunIsolated(kPatience, [&] {
    ForgetSignalsOfOurParent();
    const auto relay = Relay(GetParam());
    auto service = Service::Create({.bus = Options(relay->url()), .metrics_port = 0, .log_level = LogLevel::kError});
    ASSERT_THAT(service, IsOk());
    const auto ends = [] { return std::pair(EndOfAChild(SIGTERM), EndOfAChild(SIGINT)); };
    EXPECT_EQ(SeenByAHandler((*service)->bus(), ends), std::pair(SIGTERM, SIGINT));
    EXPECT_EQ(ends(), std::pair(SIGTERM, SIGINT)) << "from the main thread";
    EXPECT_FALSE((*service)->stop_token().stop_requested());
  });
}

INSTANTIATE_TEST_SUITE_P(Over, ChildrenOfAHandler, ::testing::Values(Wire::kPlain, Wire::kTls),
                         [](const auto& wire) { return NameOf(wire.param); });

}  // namespace
}  // namespace penstock::testing
