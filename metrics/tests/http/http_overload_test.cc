// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http_client.h"
#include "support/eventually.h"

namespace penstock::metrics {
namespace {

using Clock = std::chrono::steady_clock;
using penstock::testing::Eventually;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::StartsWith;

constexpr seconds kSoon{1};       // a probe's usual patience
constexpr seconds kPatience{20};  // on a busy machine
constexpr milliseconds kLongLife{60'000};

/// A handler that does not return until it is released.
class Blocking {
 public:
  ~Blocking() { Release(); }
  HttpRoute Route(HttpThread thread = HttpThread::kShared) {
    return {.handler = [this](const HttpRequest&) { return Handle(); }, .thread = thread};
  }
  void Release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  bool Runs(int times) const {
    return Eventually([&] { return begun_ >= times; }, kPatience);
  }

 private:
  HttpReply Handle() {
    ++begun_;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return released_; });
    return {.body = "released"};
  }

  std::atomic<int> begun_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
};

using Clients = std::vector<std::unique_ptr<Client>>;

Clients Connect(std::uint16_t port, int count, const std::string& first_bytes = "") {
  Clients clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    if (!first_bytes.empty()) clients.back()->Send(first_bytes);
  }
  return clients;
}

/// Whether a good client gets its answer within a second, in the best of some tries: the machine may be busy.
bool AnswersSoon(std::uint16_t port, const std::string& path) {
  for (int i = 0; i < 5; ++i) {
    const auto began = Clock::now();
    const bool answered = Get(port, path).starts_with("HTTP/1.1 200 ");
    if (answered && Clock::now() - began < kSoon) return true;
  }
  return false;
}

HttpOptions WithHealth() {
  return {.routes = {{"/healthz", Saying("alive\n", HttpThread::kIo)}}, .connection_timeout = kLongLife};
}

TEST(HttpOverloadTest, SilentConnectionsDoNotDelayAGoodClient) {
  const auto endpoint = Serve(WithHealth());
  const Clients silent = Connect(endpoint->port(), 200);
  EXPECT_TRUE(AnswersSoon(endpoint->port(), "/healthz"));
}

TEST(HttpOverloadTest, ConnectionsThatSendAByteAtATimeDoNotDelayAGoodClient) {
  const auto endpoint = Serve(WithHealth());
  const Clients slow = Connect(endpoint->port(), 200, "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ");
  std::mutex mutex;
  std::condition_variable_any never;
  const std::jthread dripping([&](const std::stop_token& stop) {
    std::unique_lock<std::mutex> lock(mutex);
    while (!never.wait_for(lock, stop, milliseconds(50), [] { return false; }) && !stop.stop_requested()) {
      for (const auto& client : slow) client->Send("x");
    }
  });
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(AnswersSoon(endpoint->port(), "/healthz"));
}

TEST(HttpOverloadTest, ConnectionsThatSendHalfABodyDoNotDelayAGoodClient) {
  HttpOptions options = WithHealth();
  options.routes["/post"] = Saying("posted");
  options.routes["/post"].methods = {"POST"};
  const auto endpoint = Serve(std::move(options));
  const Clients slow = Connect(endpoint->port(), 200, RequestOf("POST", "/post", "Content-Length: 100\r\n") + "half");
  EXPECT_TRUE(AnswersSoon(endpoint->port(), "/healthz"));
}

TEST(HttpOverloadTest, ConnectionsThatDoNotReadTheirReplyDoNotDelayAGoodClient) {
  HttpOptions options = WithHealth();
  options.routes["/big"] = Saying(std::string(std::size_t{16} << 20, 'b'));
  options.max_connections = 4;
  options.max_waiting = 64;
  const auto endpoint = Serve(std::move(options));
  const Clients greedy = Connect(endpoint->port(), 12, RequestOf("GET", "/big"));
  EXPECT_TRUE(AnswersSoon(endpoint->port(), "/healthz"));
}

TEST(HttpOverloadTest, TheOldestWithoutAWholeHeadIsClosed) {
  HttpOptions options = WithHealth();
  options.max_connections = 2;
  const auto endpoint = Serve(std::move(options));
  Client first(endpoint->port());
  ASSERT_TRUE(first.Send("GET /healthz"));
  Client second(endpoint->port());
  ASSERT_TRUE(second.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n"));
  Client third(endpoint->port());
  EXPECT_EQ(first.ReadAll(), "");
  ASSERT_TRUE(second.Send("\r\n"));
  EXPECT_THAT(second.ReadAll(), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(third.Send(RequestOf("GET", "/healthz")));
  EXPECT_THAT(third.ReadAll(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpOverloadTest, BlockedHandlersDelayNoRouteThatRunsElsewhere) {
  Blocking blocking;
  HttpOptions options = WithHealth();
  options.routes["/readyz"] = Saying("ready\n", HttpThread::kOwn);
  options.routes["/block"] = blocking.Route();
  options.handler_threads = 2;
  const auto endpoint = Serve(std::move(options));
  const Clients blocked = Connect(endpoint->port(), 200, RequestOf("GET", "/block"));
  ASSERT_TRUE(blocking.Runs(2));
  EXPECT_TRUE(AnswersSoon(endpoint->port(), "/healthz"));
  EXPECT_TRUE(AnswersSoon(endpoint->port(), "/readyz"));
  blocking.Release();
}

TEST(HttpOverloadTest, RequestsBeyondThoseThatMayWaitAreAnswered503) {
  Blocking blocking;
  const auto endpoint = Serve({.routes = {{"/block", blocking.Route()}},
                               .handler_threads = 1,
                               .max_waiting = 2,
                               .connection_timeout = kLongLife});
  Client running(endpoint->port());
  ASSERT_TRUE(running.Send(RequestOf("GET", "/block")));
  ASSERT_TRUE(blocking.Runs(1));
  // Of two more one waits, and the other is refused.
  std::array<std::future<std::string>, 2> replies;
  for (auto& reply : replies) {
    reply = std::async(std::launch::async, [&] { return Get(endpoint->port(), "/block"); });
  }
  const auto has_reply = [](const std::future<std::string>& reply) {
    return reply.wait_for(seconds(0)) == std::future_status::ready;
  };
  ASSERT_TRUE(Eventually([&] { return has_reply(replies[0]) || has_reply(replies[1]); }, kPatience));
  const std::size_t refused = has_reply(replies[0]) ? 0 : 1;
  const std::string refusal = replies[refused].get();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, ::testing::HasSubstr("\r\nRetry-After: 1\r\n"));
  blocking.Release();
  EXPECT_EQ(BodyOf(replies[1 - refused].get()), "released");
  EXPECT_EQ(BodyOf(running.ReadAll()), "released");
}

TEST(HttpOverloadTest, AConnectionEndsWhenItsTimeIsOverWhateverItDoes) {
  Blocking blocking;
  HttpOptions options = WithHealth();
  options.routes["/block"] = blocking.Route();
  options.connection_timeout = milliseconds(50);
  const auto endpoint = Serve(std::move(options));
  Client idle(endpoint->port());
  Client blocked(endpoint->port());
  ASSERT_TRUE(blocked.Send(RequestOf("GET", "/block")));
  Client lingering(endpoint->port());
  ASSERT_TRUE(lingering.Send(RequestOf("GET", "/healthz")));
  const auto began = Clock::now();
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_EQ(blocked.ReadAll(), "");
  while (lingering.Send("more")) {
  }
  EXPECT_LT(Clock::now() - began, seconds(5));
  blocking.Release();
}

TEST(HttpOverloadTest, StopsAtOnceWhateverClientsAndHandlersDo) {
  Blocking blocking;
  HttpOptions options = WithHealth();
  options.routes["/block"] = blocking.Route();
  const auto endpoint = Serve(std::move(options));
  Client hanging(endpoint->port());
  ASSERT_TRUE(hanging.Send("GET /hea"));
  Client blocked(endpoint->port());
  ASSERT_TRUE(blocked.Send(RequestOf("GET", "/block")));
  ASSERT_TRUE(blocking.Runs(1));
  const auto began = Clock::now();
  endpoint->Stop();
  endpoint->Stop();
  EXPECT_LT(Clock::now() - began, seconds(2));
  EXPECT_FALSE(Client(endpoint->port()).connected());
  EXPECT_EQ(hanging.ReadAll(), "");
  EXPECT_EQ(blocked.ReadAll(), "");
  blocking.Release();
}

TEST(HttpOverloadTest, ChildrenOfAHandlerInheritNoDescriptor) {
  const auto sockets = [] {
    std::string links;
    if (FILE* const child = popen("for fd in /proc/self/fd/*; do readlink $fd; done", "r")) {
      std::array<char, 4096> chunk;
      while (const std::size_t count = fread(chunk.data(), 1, chunk.size(), child)) links.append(chunk.data(), count);
      pclose(child);
    }
    std::size_t found = 0;
    for (std::size_t at = 0; (at = links.find("socket:", at)) != std::string::npos; ++at) ++found;
    for (std::size_t at = 0; (at = links.find("anon_inode:", at)) != std::string::npos; ++at) ++found;
    return found;
  };
  const std::size_t before = sockets();
  const auto endpoint = Serve(
      {.routes = {{"/children",
                   {.handler = [&](const HttpRequest&) { return HttpReply{.body = std::to_string(sockets())}; }}}},
       .connection_timeout = kLongLife});
  EXPECT_EQ(BodyOf(Get(endpoint->port(), "/children")), std::to_string(before));
}

}  // namespace
}  // namespace penstock::metrics
