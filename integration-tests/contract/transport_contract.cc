// SPDX-License-Identifier: Apache-2.0
#include "contract/transport_contract.h"

#include <future>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/test_certificate.h"
#include "transport/connect.h"

namespace penstock::eventbus::contract {

void TransportContract::SetUp() {
  if (GetParam() == "memory") {
    url_ = "memory://contract";
  } else {
    Launch();
  }
  transport_ = Connect();
  ASSERT_NE(transport_, nullptr);
  ASSERT_THAT(transport_->EnsureStream(Orders()), penstock::testing::IsOk());
}

void TransportContract::Launch() {
  penstock::testing::NatsServerOptions options;
  if (GetParam() == "jetstream_tls") {
    const auto certificate = penstock::testing::TestCertificate::Get();
    ASSERT_THAT(certificate, penstock::testing::IsOk());
    options.config = (*certificate)->ServerConfig();
    tls_ = {.mode = TlsOptions::Mode::kRequired, .ca_file = (*certificate)->file()};
  }
  auto server = penstock::testing::NatsServer::Launch(std::move(options));
  ASSERT_THAT(server, penstock::testing::IsOk());
  server_ = *std::move(server);
  url_ = server_->url();
}

void TransportContract::TearDown() {
  if (transport_ != nullptr) transport_->Close();
}

std::unique_ptr<Transport> TransportContract::Connect(std::chrono::milliseconds publish_timeout) {
  const BusOptions options{.url = url_, .client_id = "contract", .tls = tls_, .publish_timeout = publish_timeout};
  auto transport = GetParam() == "memory" ? ConnectMemory(options) : ConnectJetStream(options);
  EXPECT_THAT(transport, penstock::testing::IsOk());
  return transport.ok() ? *std::move(transport) : nullptr;
}

StreamSpec TransportContract::Orders() { return {.name = "ORDERS", .subjects = {"orders"}, .storage = Storage::kFile}; }

ConsumerSpec TransportContract::SpecFor(ConsumerKind kind, std::string consumer, std::size_t max_in_flight) {
  return {.stream = "ORDERS",
          .consumer = std::move(consumer),
          .filter_subject = "orders",
          .kind = kind,
          .ack_wait = std::chrono::seconds(60),
          .max_in_flight = max_in_flight,
          .stream_spec = Orders()};
}

absl::StatusOr<PubAck> TransportContract::Publish(Transport& transport, OutboundMessage message) {
  auto told = std::make_shared<std::promise<absl::StatusOr<PubAck>>>();
  std::future<absl::StatusOr<PubAck>> result = told->get_future();
  absl::Status sent =
      transport.Publish(std::move(message), [told](absl::StatusOr<PubAck> ack) { told->set_value(std::move(ack)); });
  if (!sent.ok()) return sent;
  if (result.wait_for(ConsumerRecorder::kPatience) != std::future_status::ready) {
    return absl::InternalError("the result of a publish was never told");
  }
  return result.get();
}

absl::StatusOr<PubAck> TransportContract::Publish(std::string body, std::string subject) {
  return Publish(*transport_,
                 {.subject = std::move(subject), .body = std::move(body), .message_id = NewId(), .headers = {}});
}

void TransportContract::PublishMany(int count) {
  for (int i = 0; i < count; ++i) ASSERT_THAT(Publish(absl::StrCat(++published_)), penstock::testing::IsOk());
}

std::string TransportContract::NewId() { return absl::StrCat("id-", ids_.fetch_add(1)); }

std::unique_ptr<Consumer> TransportContract::Open(Transport& transport, const ConsumerSpec& spec,
                                                  ConsumerEvents events) {
  auto consumer = transport.OpenConsumer(spec, std::move(events));
  EXPECT_THAT(consumer, penstock::testing::IsOk());
  return consumer.ok() ? *std::move(consumer) : nullptr;
}

}  // namespace penstock::eventbus::contract
