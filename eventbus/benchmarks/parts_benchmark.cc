// SPDX-License-Identifier: Apache-2.0
// Measures single parts of a message's way, each alone on one thread.
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "delivery/delivery_state_machine.h"
#include "envelope/codecs.h"
#include "jetstream/message/ack_subject.h"
#include "jetstream/message/header_block.h"
#include "penstock/eventbus/envelope.h"

namespace penstock::eventbus {
namespace {

Envelope Event(std::size_t payload) {
  return {.event_id = "01932f6e-7b2c-7000-8000-0123456789ab",
          .aggregate_id = "aggregate-512",
          .event_type = "BenchmarkRun",
          .timestamp = std::chrono::system_clock::time_point{std::chrono::hours{480'000}},
          .payload = std::string(payload, 'x')};
}

void DecodeEnvelopes(benchmark::State& state) {
  const auto format = state.range(0) == 0 ? EnvelopeFormat::kProtobuf : EnvelopeFormat::kJson;
  Envelope event = Event(43);
  if (format == EnvelopeFormat::kJson) event.payload = '"' + event.payload + '"';
  const std::string body = EncodeEnvelope(event, format).value();
  Envelope decoded;
  for (auto _ : state) {
    const absl::Status status = DecodeInto(body, ContentType(format), decoded);
    if (!status.ok()) state.SkipWithError(status.ToString().c_str());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DecodeEnvelopes)->ArgName("json")->Arg(0)->Arg(1);

void EncodeEnvelopes(benchmark::State& state) {
  const Envelope event = Event(43);
  for (auto _ : state) benchmark::DoNotOptimize(EncodeEnvelope(event, EnvelopeFormat::kProtobuf));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(EncodeEnvelopes);

void FindAHeader(benchmark::State& state) {
  constexpr std::string_view kBlock =
      "NATS/1.0\r\nPenstock-Aggregate-Id: aggregate-512\r\nPenstock-Event-Type: BenchmarkRun\r\n"
      "Content-Type: application/x-protobuf\r\nNats-Msg-Id: 01932f6e-7b2c-7000-8000-0123456789ab\r\n\r\n";
  for (auto _ : state) benchmark::DoNotOptimize(jetstream::FindHeader(kBlock, "Content-Type"));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FindAHeader);

void ReadAnAckSubject(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        jetstream::ParseAckSubject("$JS.ACK.BENCH_events.billing.1.123456.123456.1763731200123456789.98765"));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ReadAnAckSubject);

class BareMessage final : public StoredMessage {
 public:
  explicit BareMessage(std::uint64_t sequence) {
    stream_sequence_ = sequence;
    delivery_count_ = 1;
    size_bytes_ = 300;
  }
  std::unique_ptr<StoredMessage> Stub() const override { return std::make_unique<BareMessage>(stream_sequence_); }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
};

std::unique_ptr<InFlightMessage> ItemOf(std::uint64_t sequence, const std::vector<std::string>& keys) {
  auto item = std::make_unique<InFlightMessage>();
  item->sequence = item->origin = sequence;
  item->key = keys[sequence % keys.size()];
  item->key_hash = std::hash<std::string_view>{}(item->key);
  item->actor = item->key_hash % 256;
  item->message = std::make_unique<BareMessage>(sequence);
  return item;
}

// From arrival to acknowledgement, with so many keys and 128 messages in hand.
void PassThroughTheFlow(benchmark::State& state) {
  std::vector<std::string> keys(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = "aggregate-" + std::to_string(i);
  DeliveryStateMachine flow(DeliveryOptions{});
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    Actions arrived;
    const TimePoint now{std::chrono::seconds{1000}};
    for (int i = 0; i < 128; ++i) flow.Arrived(ItemOf(++sequence, keys), now, arrived);
    for (Actions next = std::move(arrived); !next.list.empty();) {
      Actions after;
      for (Action& action : next.list) {
        if (action.kind == Action::Kind::kDispatch) flow.Finished(*action.item, now, after);
      }
      next = std::move(after);
    }
  }
  state.SetItemsProcessed(state.iterations() * 128);
}
BENCHMARK(PassThroughTheFlow)->ArgName("keys")->Arg(1)->Arg(1000)->Arg(1'000'000);

}  // namespace
}  // namespace penstock::eventbus
