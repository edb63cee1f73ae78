// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "penstock/eventbus/envelope.h"

namespace penstock {

/// Every field set.
inline Envelope FullEnvelope() {
  using namespace std::chrono_literals;
  const auto day = std::chrono::sys_days{std::chrono::year{2024} / 2 / 29};
  return {.event_id = "0192d3a4-0000-7000-8000-000000000001",
          .aggregate_id = "Kunde/Größe",
          .aggregate_type = "Order",
          .event_type = "OrderPlaced",
          .event_version = 3,
          .timestamp = day + 12h + 34min + 56s + 789'012'345ns,
          .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
          .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
          .correlation_id = "c-1",
          .causation_id = "e-0",
          .tenant_id = 7,
          .content_type = "application/json; charset=utf-8",
          .payload = R"({"b": 1.50, "a": [1,2 , 3], "n":12345678901234567890123})",
          .attributes = {{"quote\"d", "a\\b\n\u0001ü"}, {"source", "shop"}},
          .expires_at = day + 13h};
}

/// Envelopes that pass `Validate()` and have an event ID, drawn from one seed.
class EnvelopeSource {
 public:
  explicit EnvelopeSource(std::uint64_t seed) : random_(seed) {}

  Envelope Next() {
    Envelope envelope{.event_id = Ascii(1, 128), .aggregate_id = Visible(), .aggregate_type = Ascii(0, 256)};
    envelope.event_type = Ascii(1, 256);
    envelope.event_version = Upto(4) == 0 ? INT64_MAX : Upto(1000) + 1;
    envelope.timestamp = Time();
    envelope.trace_id = Ascii(0, 128);
    envelope.traceparent = Ascii(0, 128);
    envelope.correlation_id = Ascii(0, 256);
    envelope.causation_id = Ascii(0, 256);
    envelope.tenant_id = Upto(2) == 0 ? 0 : static_cast<std::int64_t>(random_() >> 1);
    envelope.content_type = Ascii(0, 128);
    envelope.payload = Bytes(Upto(300));
    for (int i = Upto(5); i > 0; --i) envelope.attributes[Ascii(1, 128)] = Visible();
    if (Upto(4) == 0) envelope.expires_at = Time();
    return envelope;
  }

  std::string Bytes(int size) {
    std::string text;
    for (int i = 0; i < size; ++i) text += static_cast<char>(random_());
    return text;
  }

  std::string JsonDocument(int depth = 3) {
    static constexpr std::string_view kScalars[] = {"null",  "true", "0", "-1.50e+10", "\"\"", "\"\\u00e9 \\\"x\"",
                                                    "\"日\""};
    if (depth == 0 || Upto(3) == 0) return std::string(kScalars[Upto(7)]);
    std::string out = Upto(2) == 0 ? "[" : "{";
    const bool object = out == "{";
    for (int i = Upto(4); i > 0; --i) {
      out += Space() + (object ? "\"k" + std::to_string(i) + "\"" + Space() + ":" : "") + Space() +
             JsonDocument(depth - 1);
      out += Space() + (i > 1 ? "," : "");
    }
    return out + (object ? "}" : "]");
  }

  int Upto(int end) { return static_cast<int>(random_() % static_cast<std::uint64_t>(end)); }

 private:
  std::string Space() { return std::string(static_cast<std::size_t>(Upto(2)), Upto(2) == 0 ? ' ' : '\n'); }

  std::string Ascii(int least, int most) {
    std::string text;
    for (int i = least + Upto(most - least + 1); i > 0; --i) text += static_cast<char>('!' + Upto(94));
    return text;
  }

  std::string Visible() {
    static constexpr std::string_view kPieces[] = {"a", "-", "%", "\"", "\\", "ü", "日", "🚰", "{", "/"};
    std::string text;
    for (int i = 1 + Upto(60); i > 0; --i) text += kPieces[Upto(10)];
    return text;
  }

  // In two steps, since the whole range does not fit into 64 bits of nanoseconds.
  std::chrono::system_clock::time_point Time() {
    const std::chrono::sys_seconds first = std::chrono::sys_days{std::chrono::year{1678} / 1 / 1};
    const std::chrono::sys_seconds end = std::chrono::sys_days{std::chrono::year{2262} / 1 / 1};
    const auto range = static_cast<std::uint64_t>((end - first).count());
    const std::chrono::seconds seconds{static_cast<std::int64_t>(random_() % range)};
    return first + seconds + std::chrono::nanoseconds{Upto(1'000'000'000)};
  }

  std::mt19937_64 random_;
};

}  // namespace penstock
