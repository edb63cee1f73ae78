// SPDX-License-Identifier: Apache-2.0
#include "async_publisher.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace penstock::benchmarks {
namespace {

constexpr std::int64_t kAckTimeoutMs = 30'000;

std::string RunPrefix() {
  const std::string inbox = UniqueInbox();
  return inbox.size() < 20 ? std::string(20, '0') : inbox.substr(inbox.size() - 20);
}

}  // namespace

std::string MessageIdOf(std::uint64_t number) {
  static const std::string kPrefix = RunPrefix();
  return absl::StrCat(kPrefix, absl::Hex(number, absl::kZeroPad16));
}

std::string AggregateOf(std::uint64_t number, std::uint64_t keys) { return absl::StrCat("aggregate-", number % keys); }

absl::StatusOr<MessageHandle> MakeMessage(const std::string& subject, const MessageHeaders& headers,
                                          std::string_view body) {
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, subject.c_str(), nullptr, body.data(), static_cast<int>(body.size()));
  MessageHandle message(raw);
  const auto set = [&](const char* name, const char* value) {
    if (status == NATS_OK) status = natsMsgHeader_Set(message.get(), name, value);
  };
  set("Nats-Msg-Id", headers.message_id.c_str());
  set("Penstock-Aggregate-Id", headers.aggregate_id.c_str());
  set("Penstock-Event-Type", std::string(headers.event_type).c_str());
  set("Content-Type", std::string(headers.content_type).c_str());
  if (status != NATS_OK) return Check(status, "make a message");
  return message;
}

absl::StatusOr<std::unique_ptr<AsyncPublisher>> AsyncPublisher::Create(const Session& session, std::int64_t window) {
  auto publisher = std::make_unique<AsyncPublisher>();
  jsOptions options;
  jsOptions_Init(&options);
  options.PublishAsync.MaxPending = window;
  options.PublishAsync.StallWait = kAckTimeoutMs;
  options.PublishAsync.ErrHandler = &AsyncPublisher::OnError;
  options.PublishAsync.ErrHandlerClosure = publisher.get();
  jsCtx* raw = nullptr;
  const natsStatus status = natsConnection_JetStream(&raw, session.connection(), &options);
  publisher->context_.reset(raw);
  if (status != NATS_OK) return Check(status, "make a JetStream context");
  return publisher;
}

absl::Status AsyncPublisher::Publish(MessageHandle message) {
  natsMsg* raw = message.release();
  const natsStatus status = js_PublishMsgAsync(context_.get(), &raw, nullptr);
  message.reset(raw);  // nats.c has taken it and set the pointer to null, or it failed
  return Check(status, "publish");
}

absl::Status AsyncPublisher::Complete() {
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MaxWait = kAckTimeoutMs;
  const natsStatus status = js_PublishAsyncComplete(context_.get(), &options);
  if (status != NATS_OK) return Check(status, "await the last PubAck");
  const std::uint64_t refused = refused_.load(std::memory_order_relaxed);
  if (refused == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrFormat("publish: the server refused %d messages", refused));
}

void AsyncPublisher::OnError(jsCtx* /*context*/, jsPubAckErr* /*error*/, void* closure) {
  static_cast<AsyncPublisher*>(closure)->refused_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace penstock::benchmarks
