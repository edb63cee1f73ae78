// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/scenario.h"

namespace penstock::testing {

using Json = nlohmann::json;

/// The lines that a bus logs. Thread-safe.
class LogLines {
 public:
  LogSink Sink() {
    return [this](LogLevel, std::string_view line) {
      std::lock_guard<std::mutex> lock(mutex_);
      lines_.emplace_back(line);
    };
  }
  bool Has(std::string_view text) const {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::ranges::any_of(lines_, [text](const std::string& line) { return line.find(text) != line.npos; });
  }
  bool Gets(std::string_view text) const {
    return Eventually([&] { return Has(text); }, kPatience);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A server with streams and consumers that an operator made before the service came.
class MadeAhead : public Scenario {
 protected:
  static constexpr const char* kStream = "EVENTS_orders";

  BusOptions LoggingOptions() {
    BusOptions options = Options();
    options.log = lines_.Sink();
    return options;
  }

  /// The reply to a request on the server's API, as an operator sees it.
  Json Api(const std::string& subject, const Json& request = Json::object()) const {
    auto raw = RawNats::Connect(server_->port());
    EXPECT_THAT(raw, IsOk());
    if (!raw.ok()) return {};
    const auto reply = raw->Request("$JS.API." + subject, request.dump());
    EXPECT_THAT(reply, IsOk()) << subject;
    return reply.ok() ? Json::parse(reply->body, nullptr, /*allow_exceptions=*/false) : Json();
  }

  Json Make(const Json& config, const std::string& stream = kStream) const {
    const bool durable = config.contains("durable_name");
    const std::string name = config.at(durable ? "durable_name" : "name");
    const std::string verb = durable ? "CONSUMER.DURABLE.CREATE." : "CONSUMER.CREATE.";
    return Api(absl::StrCat(verb, stream, ".", name), {{"stream_name", stream}, {"config", config}});
  }

  Json Info(const std::string& consumer, const std::string& stream = kStream) const {
    return Api(absl::StrCat("CONSUMER.INFO.", stream, ".", consumer));
  }

  /// Sets one setting of a consumer that may be in use.
  void Change(const std::string& consumer, const std::string& field, const Json& value) const {
    Json config = Info(consumer).at("config");
    config[field] = value;
    const Json reply = Make(config);
    EXPECT_FALSE(reply.contains("error")) << reply;
  }

  bool AllSettled(const std::string& consumer, const std::string& stream = kStream) const {
    return Eventually(
        [&] {
          const Json info = Info(consumer, stream);
          return info.value("num_pending", 1) == 0 && info.value("num_ack_pending", 1) == 0;
        },
        kPatience);
  }

  /// Such as 210 for 2.10.27.
  int Version() const {
    auto raw = RawNats::Connect(server_->port());
    if (!raw.ok()) return 0;
    const std::string version = Json::parse(raw->info()).at("version");
    const std::size_t dot = version.find('.');
    return 100 * std::stoi(version) + std::stoi(version.substr(dot + 1));
  }

  LogLines lines_;
};

}  // namespace penstock::testing
