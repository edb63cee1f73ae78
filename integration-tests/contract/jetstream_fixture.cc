// SPDX-License-Identifier: Apache-2.0
#include "contract/jetstream_fixture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "support/test_certificate.h"

namespace penstock::eventbus::contract {

void JetStreamFixture::Launch(NatsServerOptions options) {
  auto server = NatsServer::Launch(std::move(options));
  ASSERT_THAT(server, IsOk());
  server_ = *std::move(server);
}

void JetStreamFixture::LaunchEncrypted() {
  const auto certificate = penstock::testing::TestCertificate::Get();
  ASSERT_THAT(certificate, IsOk());
  Launch({.config = (*certificate)->ServerConfig()});
  tls_ = {.mode = TlsOptions::Mode::kRequired, .ca_file = (*certificate)->file()};
}

std::unique_ptr<Transport> JetStreamFixture::Connect(const BusOptions& options) {
  auto transport = ConnectJetStream(options);
  EXPECT_THAT(transport, IsOk());
  return transport.ok() ? *std::move(transport) : nullptr;
}

RawNats JetStreamFixture::Raw() {
  auto raw = RawNats::Connect(server_->port());
  EXPECT_THAT(raw, IsOk());
  return *std::move(raw);
}

StreamSpec JetStreamFixture::Stream(Storage storage) {
  return {.name = "ORDERS", .subjects = {"orders"}, .storage = storage};
}

ConsumerSpec JetStreamFixture::SpecFor(ConsumerKind kind, std::string consumer, std::size_t max_in_flight) {
  return {.stream = "ORDERS",
          .consumer = std::move(consumer),
          .filter_subject = "orders",
          .kind = kind,
          .ack_wait = seconds(60),
          .max_in_flight = max_in_flight,
          .stream_spec = Stream(Storage::kMemory)};
}

std::vector<std::future<absl::StatusOr<PubAck>>> JetStreamFixture::Send(Transport& transport, int count, int first) {
  std::vector<std::future<absl::StatusOr<PubAck>>> results;
  for (int i = first; i < first + count; ++i) {
    std::promise<absl::StatusOr<PubAck>> told;
    results.push_back(told.get_future());
    const absl::Status sent = transport.Publish(
        {.subject = "orders", .body = absl::StrCat(i), .message_id = absl::StrCat("id-", ids_++), .headers = {}},
        [told = std::move(told)](absl::StatusOr<PubAck> ack) mutable { told.set_value(std::move(ack)); });
    EXPECT_THAT(sent, IsOk());
  }
  return results;
}

void JetStreamFixture::AwaitStored(std::vector<std::future<absl::StatusOr<PubAck>>>& results) {
  for (auto& result : results) {
    ASSERT_EQ(result.wait_for(ConsumerRecorder::kPatience), std::future_status::ready);
    ASSERT_THAT(result.get(), IsOk());
  }
}

void JetStreamFixture::PublishMany(Transport& transport, int count, int first) {
  auto results = Send(transport, count, first);
  AwaitStored(results);
}

std::string JetStreamFixture::Api(const std::string& subject, const std::string& body) {
  RawNats raw = Raw();
  const auto reply = raw.Request("$JS.API." + subject, body);
  EXPECT_THAT(reply, IsOk());
  return reply.ok() ? reply->body : "";
}

void JetStreamFixture::DeleteConsumer(const std::string& consumer) {
  // 2.9.10 deletes the consumer and reports a failure when it happens to be writing its state.
  EXPECT_THAT(Api("CONSUMER.DELETE.ORDERS." + consumer),
              ::testing::AnyOf(::testing::HasSubstr("\"success\":true"), ::testing::HasSubstr("not empty")));
}

absl::StatusOr<std::shared_ptr<jetstream::Connection>> OpenConnection(const BusOptions& options) {
  return jetstream::Connection::Open(options, jetstream::Connection::Clock::now() + options.connect_timeout, {});
}

std::vector<std::string> Numbers(int count, int first) {
  std::vector<std::string> numbers;
  for (int i = first; i < first + count; ++i) numbers.push_back(absl::StrCat(i));
  return numbers;
}

}  // namespace penstock::eventbus::contract
