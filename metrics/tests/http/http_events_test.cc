// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "http_client.h"
#include "support/eventually.h"

namespace penstock::metrics {
namespace {

using penstock::testing::Eventually;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr seconds kPatience{20};

class HttpEventsTest : public ::testing::Test {
 protected:
  HttpOptions Options(HttpThread thread = HttpThread::kShared) {
    return {.routes = {{"/events",
                        {.events =
                             [this](const HttpRequest&, std::shared_ptr<EventStream> stream) {
                               const std::lock_guard<std::mutex> lock(mutex_);
                               streams_.push_back(std::move(stream));
                             },
                         .thread = thread}},
                       {"/healthz", Saying("alive\n", HttpThread::kIo)}}};
  }
  std::size_t Count() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return streams_.size();
  }
  /// The stream of the latest client, once there are `count`.
  std::shared_ptr<EventStream> Stream(std::size_t count = 1) {
    EXPECT_TRUE(Eventually([&] { return Count() >= count; }, kPatience));
    const std::lock_guard<std::mutex> lock(mutex_);
    return streams_.empty() ? nullptr : streams_.back();
  }
  void LetGo() {
    const std::lock_guard<std::mutex> lock(mutex_);
    streams_.clear();
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<EventStream>> streams_;
};

TEST_F(HttpEventsTest, ReachTheClientInOrderAsTheyAreSent) {
  for (const HttpThread thread : {HttpThread::kShared, HttpThread::kOwn, HttpThread::kIo}) {
    const auto endpoint = Serve(Options(thread));
    Client client(endpoint->port());
    ASSERT_TRUE(client.Send(RequestOf("GET", "/events")));
    const auto stream = Stream();
    ASSERT_TRUE(stream->Send({.data = "one"}).ok());
    const std::string begin = client.ReadUntil("data: one\n\n");
    EXPECT_THAT(begin, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(begin, HasSubstr("Content-Type: text/event-stream"));
    EXPECT_THAT(begin, Not(HasSubstr("Content-Length")));
    ASSERT_TRUE(stream->Send({.data = "two\nlines", .type = "tick", .id = "7"}).ok());
    EXPECT_EQ(client.ReadUntil("\n\n"), "event: tick\nid: 7\ndata: two\ndata: lines\n\n");
    stream->Close();
    EXPECT_EQ(client.ReadAll(), "");
    EXPECT_EQ(stream->Send({.data = "late"}).code(), absl::StatusCode::kCancelled);
    LetGo();
  }
}

TEST_F(HttpEventsTest, AreSentBeforeTheStreamEnds) {
  const auto endpoint = Serve(Options());
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send(RequestOf("GET", "/events")));
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(Stream()->Send({.data = std::to_string(i)}).ok());
  LetGo();  // the last reference closes the stream
  EXPECT_THAT(client.ReadAll(), EndsWith("\n\ndata: 998\n\ndata: 999\n\n"));
}

TEST_F(HttpEventsTest, DropAClientThatReadsTooSlowly) {
  HttpOptions options = Options();
  options.max_stream_queue_bytes = 4096;
  const auto endpoint = Serve(std::move(options));
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send(RequestOf("GET", "/events")));
  const auto stream = Stream();
  absl::Status status;
  for (int i = 0; i < 100'000 && status.ok(); ++i) status = stream->Send({.data = std::string(3000, 'x')});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(stream->closed());
  EXPECT_EQ(stream->Send({.data = "x"}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(client.ReadAll(), "");  // and then it ends
  EXPECT_THAT(Get(endpoint->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpEventsTest, NoticeThatTheClientIsGone) {
  const auto endpoint = Serve(Options());
  auto client = std::make_unique<Client>(endpoint->port());
  ASSERT_TRUE(client->Send(RequestOf("GET", "/events")));
  const auto stream = Stream();
  EXPECT_FALSE(stream->closed());
  client.reset();
  EXPECT_TRUE(Eventually([&] { return stream->closed(); }, kPatience));
}

TEST_F(HttpEventsTest, EndWithTheEndpoint) {
  auto endpoint = Serve(Options());
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send(RequestOf("GET", "/events")));
  const auto stream = Stream();
  endpoint.reset();
  EXPECT_TRUE(stream->closed());
  EXPECT_EQ(stream->Send({.data = "x"}).code(), absl::StatusCode::kCancelled);
  stream->Close();
  client.ReadAll();
}

TEST_F(HttpEventsTest, EndWhenTheirTimeIsOver) {
  HttpOptions options = Options();
  options.connection_timeout = milliseconds(10'000);
  options.stream_timeout = milliseconds(50);
  const auto endpoint = Serve(std::move(options));
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send(RequestOf("GET", "/events")));
  const auto stream = Stream();
  EXPECT_TRUE(Eventually([&] { return stream->closed(); }, seconds(5)));
}

TEST_F(HttpEventsTest, OutliveTheTimeOfAConnection) {
  HttpOptions options = Options();
  options.connection_timeout = milliseconds(50);
  const auto endpoint = Serve(std::move(options));
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send(RequestOf("GET", "/events")));
  const auto stream = Stream();
  Client idle(endpoint->port());
  EXPECT_EQ(idle.ReadAll(), "");  // 50 ms later
  ASSERT_TRUE(stream->Send({.data = "still here"}).ok());
  EXPECT_THAT(client.ReadUntil("\n\n"), ::testing::StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpEventsTest, AreBoundedInNumberAndTakeNoRoomFromOthers) {
  HttpOptions options = Options();
  options.max_streams = 2;
  options.max_connections = 1;
  const auto endpoint = Serve(std::move(options));
  Client first(endpoint->port());
  ASSERT_TRUE(first.Send(RequestOf("GET", "/events")));
  Stream(1);
  Client second(endpoint->port());
  ASSERT_TRUE(second.Send(RequestOf("GET", "/events")));
  const auto stream = Stream(2);
  EXPECT_THAT(Get(endpoint->port(), "/events"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Get(endpoint->port(), "/healthz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_FALSE(stream->closed());
}

TEST_F(HttpEventsTest, EndWhenTheHandlerThrows) {
  const auto endpoint =
      Serve({.routes = {{"/events", {.events = [](const HttpRequest&, const std::shared_ptr<EventStream>&) {
                           throw std::runtime_error("no");
                         }}}}});
  EXPECT_THAT(Get(endpoint->port(), "/events"), EndsWith("\r\n\r\n"));
}

TEST_F(HttpEventsTest, AnswerAHeadRequestWithoutAStream) {
  const auto endpoint = Serve(Options());
  EXPECT_THAT(Ask(endpoint->port(), RequestOf("HEAD", "/events")), HasSubstr("text/event-stream"));
  EXPECT_EQ(Count(), 0U);
}

}  // namespace
}  // namespace penstock::metrics
