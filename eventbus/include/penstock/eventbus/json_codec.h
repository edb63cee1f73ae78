// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/codec.h"

namespace penstock {

/// The codec of a type that nlohmann's JSON can write and read (`NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE`, `to_json`):
///
///     template <>
///     struct penstock::Codec<OrderPlaced> : penstock::JsonCodec<OrderPlaced> {
///       static std::string Type() { return "OrderPlaced"; }
///     };
///
/// A payload nested deeper than 100 levels is refused.
template <typename T>
struct JsonCodec {
  static std::int64_t Version() { return 1; }
  static std::string_view ContentType() { return "application/json"; }
  static absl::StatusOr<std::string> Encode(const T& value) {
    try {
      return nlohmann::json(value).dump();
    } catch (const std::exception& error) {
      return absl::InvalidArgumentError(error.what());
    }
  }
  static absl::StatusOr<T> Decode(std::string_view payload) {
    constexpr int kDeepest = 100;
    bool deep = false;
    const auto keep = [&deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
      deep = deep || depth > kDeepest;
      return !deep;
    };
    try {
      const nlohmann::json read = nlohmann::json::parse(payload, keep);
      if (deep) return absl::InvalidArgumentError("nested too deeply");
      return read.template get<T>();
    } catch (const std::exception& error) {
      return absl::InvalidArgumentError(error.what());
    }
  }
};

}  // namespace penstock
