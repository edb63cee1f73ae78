// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/program.h"

#include <algorithm>
#include <cstddef>
#include <iostream>

#include "absl/strings/str_format.h"

namespace penstock::benchmarks {
namespace {

double Microseconds(Clock::duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

void Print(const Result& result) {
  std::cout << absl::StrFormat("{\"messages\":%d,\"seconds\":%.6f", result.messages,
                               std::chrono::duration<double>(result.elapsed).count());
  if (result.latencies) {
    std::cout << absl::StrFormat(",\"p50_us\":%.1f,\"p99_us\":%.1f", result.latencies->p50_us,
                                 result.latencies->p99_us);
  }
  if (result.footprint) {
    const Footprint& bytes = *result.footprint;
    std::cout << absl::StrFormat(
        ",\"bytes_per_idle_actor\":%.1f,\"bytes_per_idle_subscription\":%.1f,\"bytes_per_idle_key\":%.3f,"
        "\"bytes_per_message_seen\":%.3f",
        bytes.per_idle_actor, bytes.per_idle_subscription, bytes.per_idle_key, bytes.per_message_seen);
  }
  std::cout << "}\n";
}

}  // namespace

void AddTargetOptions(CLI::App& app, Target& target) {
  app.option_defaults()->always_capture_default();
  app.add_option("--url", target.url, "NATS server");
  app.add_option("--tls-ca", target.tls_ca, "over TLS: a PEM file of what signs the server's certificate");
  app.add_option("--stream", target.stream, "stream");
  app.add_option("--subject", target.subject, "subject of its messages");
  app.add_option("--durable", target.durable, "consumer to make; one that exists is replaced");
  app.add_option("--messages", target.messages, "how many")->check(CLI::PositiveNumber);
}

Latencies Percentiles(std::vector<Clock::duration>& sample) {
  const auto at = [&sample](double share) {
    const auto rank = std::min(sample.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sample.size())));
    const auto place = sample.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(sample.begin(), place, sample.end());
    return Microseconds(*place);
  };
  return {.p50_us = at(0.50), .p99_us = at(0.99)};
}

int RunProgram(CLI::App& app, int argc, char** argv, absl::AnyInvocable<absl::StatusOr<Result>()> work) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto result = work();
  if (!result.ok()) {
    std::cerr << app.get_name() << ": " << result.status().message() << '\n';
    return 1;
  }
  Print(*result);
  return 0;
}

}  // namespace penstock::benchmarks
