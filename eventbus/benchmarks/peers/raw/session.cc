// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <chrono>
#include <future>
#include <utility>

#include "absl/strings/str_format.h"

namespace penstock::benchmarks {
namespace {

constexpr std::int64_t kFlushTimeoutMs = 30'000;
constexpr auto kSettleTimeout = std::chrono::seconds(10);
constexpr std::int64_t kSettlePollMs = 20;

struct DestroyInfo {
  void operator()(jsStreamInfo* info) const { jsStreamInfo_Destroy(info); }
  void operator()(jsConsumerInfo* info) const { jsConsumerInfo_Destroy(info); }
};

template <typename Info>
using InfoHandle = std::unique_ptr<Info, DestroyInfo>;

natsStatus UseTls(natsOptions* options, const std::string& ca_file) {
  const natsStatus status = natsOptions_SetSecure(options, true);
  return status == NATS_OK ? natsOptions_LoadCATrustedCertificates(options, ca_file.c_str()) : status;
}

}  // namespace

absl::Status Check(natsStatus status, std::string_view what) {
  if (status == NATS_OK) return absl::OkStatus();
  const char* detail = nats_GetLastError(nullptr);
  return absl::UnavailableError(absl::StrFormat("%s: %s (%s)", std::string(what), natsStatus_GetText(status),
                                                detail == nullptr ? "no details" : detail));
}

absl::StatusOr<std::unique_ptr<Session>> Session::Connect(const Target& target, Writes writes) {
  natsOptions* raw_options = nullptr;
  natsStatus status = natsOptions_Create(&raw_options);
  const std::unique_ptr<natsOptions, Destroy> options(raw_options);
  if (status == NATS_OK) status = natsOptions_SetURL(options.get(), target.url.c_str());
  if (status == NATS_OK) status = natsOptions_SetAllowReconnect(options.get(), false);
  if (status == NATS_OK) status = natsOptions_SetSendAsap(options.get(), writes == Writes::kAtOnce);
  if (status == NATS_OK && !target.tls_ca.empty()) status = UseTls(options.get(), target.tls_ca);
  auto session = std::make_unique<Session>();
  natsConnection* raw_connection = nullptr;
  if (status == NATS_OK) status = natsConnection_Connect(&raw_connection, options.get());
  session->connection_.reset(raw_connection);
  jsCtx* raw_context = nullptr;
  if (status == NATS_OK) status = natsConnection_JetStream(&raw_context, raw_connection, nullptr);
  session->context_.reset(raw_context);
  if (status != NATS_OK) return Check(status, absl::StrFormat("connect to %s", target.url));
  return session;
}

absl::Status Session::Flush() const {
  return Check(natsConnection_FlushTimeout(connection_.get(), kFlushTimeoutMs), "flush");
}

absl::StatusOr<std::uint64_t> Session::EnsureStream(const Target& target) const {
  jsStreamInfo* raw = nullptr;
  natsStatus status = js_GetStreamInfo(&raw, context_.get(), target.stream.c_str(), nullptr, nullptr);
  if (status == NATS_NOT_FOUND) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subject = target.subject.c_str();
    config.Name = target.stream.c_str();
    config.Subjects = &subject;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    status = js_AddStream(&raw, context_.get(), &config, nullptr, nullptr);
  }
  const InfoHandle<jsStreamInfo> info(raw);
  if (status != NATS_OK) return Check(status, absl::StrFormat("make stream \"%s\"", target.stream));
  return info->State.Msgs;
}

absl::Status Session::ReplaceConsumer(const std::string& stream, jsConsumerConfig& config) const {
  if (auto status = DeleteConsumer(stream, config.Durable); !status.ok()) return status;
  const natsStatus status = js_AddConsumer(nullptr, context_.get(), stream.c_str(), &config, nullptr, nullptr);
  return Check(status, absl::StrFormat("make consumer \"%s\"", config.Durable));
}

absl::Status Session::DeleteConsumer(const std::string& stream, const std::string& durable) const {
  const natsStatus status = js_DeleteConsumer(context_.get(), stream.c_str(), durable.c_str(), nullptr, nullptr);
  if (status == NATS_NOT_FOUND) return absl::OkStatus();
  return Check(status, absl::StrFormat("delete consumer \"%s\" of stream \"%s\"", durable, stream));
}

absl::Status Session::DeleteStream(const std::string& stream) const {
  const natsStatus status = js_DeleteStream(context_.get(), stream.c_str(), nullptr, nullptr);
  if (status == NATS_NOT_FOUND) return absl::OkStatus();
  return Check(status, absl::StrFormat("delete stream \"%s\"", stream));
}

absl::Status Session::AwaitAllAcked(const std::string& stream, const std::string& durable) const {
  for (const auto deadline = Clock::now() + kSettleTimeout;;) {
    jsConsumerInfo* raw = nullptr;
    const natsStatus status =
        js_GetConsumerInfo(&raw, context_.get(), stream.c_str(), durable.c_str(), nullptr, nullptr);
    const InfoHandle<jsConsumerInfo> info(raw);
    if (status != NATS_OK) return Check(status, absl::StrFormat("look at consumer \"%s\"", durable));
    if (info->NumAckPending == 0) return absl::OkStatus();
    if (Clock::now() > deadline) {
      return absl::DataLossError(absl::StrFormat("acknowledge: the server still waits for %d acknowledgements",
                                                 static_cast<std::int64_t>(info->NumAckPending)));
    }
    nats_Sleep(kSettlePollMs);
  }
}

class Subscription::Callback {
 public:
  explicit Callback(Handler handler) : handler_(std::move(handler)) {}

  static void OnMessage(natsConnection* /*connection*/, natsSubscription* subscription, natsMsg* message,
                        void* closure) {
    static_cast<Callback*>(closure)->handler_(subscription, MessageHandle(message));
  }
  static void OnComplete(void* closure) { static_cast<Callback*>(closure)->completed_.set_value(); }

  void AwaitCompletion() { completed_.get_future().wait(); }

 private:
  Handler handler_;
  std::promise<void> completed_;
};

absl::StatusOr<std::unique_ptr<Subscription>> Subscription::Core(const Session& session, const std::string& subject,
                                                                 Handler handler) {
  auto callback = std::make_unique<Callback>(std::move(handler));
  natsSubscription* raw = nullptr;
  const natsStatus status =
      natsConnection_Subscribe(&raw, session.connection(), subject.c_str(), &Callback::OnMessage, callback.get());
  return Take(status, raw, std::move(callback));
}

absl::StatusOr<std::unique_ptr<Subscription>> Subscription::Push(const Session& session, const Target& target,
                                                                 const jsConsumerConfig& config, Handler handler) {
  jsSubOptions options;
  jsSubOptions_Init(&options);
  options.Stream = target.stream.c_str();
  options.ManualAck = true;
  options.Config = config;
  auto callback = std::make_unique<Callback>(std::move(handler));
  natsSubscription* raw = nullptr;
  const natsStatus status = js_Subscribe(&raw, session.context(), target.subject.c_str(), &Callback::OnMessage,
                                         callback.get(), nullptr, &options, nullptr);
  return Take(status, raw, std::move(callback));
}

absl::StatusOr<std::unique_ptr<Subscription>> Subscription::Take(natsStatus status, natsSubscription* subscription,
                                                                 std::unique_ptr<Callback> callback) {
  if (status != NATS_OK) return Check(status, "subscribe");
  natsSubscription_SetOnCompleteCB(subscription, &Callback::OnComplete, callback.get());
  std::unique_ptr<Subscription> taken(new Subscription(subscription, std::move(callback)));
  if (status = natsSubscription_SetPendingLimits(subscription, -1, -1); status != NATS_OK)
    return Check(status, "lift the pending limits");
  return taken;
}

Subscription::Subscription(natsSubscription* subscription, std::unique_ptr<Callback> callback)
    : subscription_(subscription), callback_(std::move(callback)) {}

Subscription::~Subscription() {
  // Fails on a connection that is closed, where the thread ends all the same.
  natsSubscription_Unsubscribe(subscription_);
  callback_->AwaitCompletion();
  natsSubscription_Destroy(subscription_);
}

std::string UniqueInbox() {
  natsInbox* raw = nullptr;
  if (natsInbox_Create(&raw) != NATS_OK) return {};
  std::string inbox(raw);
  natsInbox_Destroy(raw);
  return inbox;
}

}  // namespace penstock::benchmarks
