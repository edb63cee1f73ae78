// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "penstock/eventbus/json_codec.h"

namespace penstock::testing {

struct OrderPlaced {
  std::string item{};
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderPlaced, item, cents)

struct OrderCancelled {
  std::string why{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OrderCancelled, why)

}  // namespace penstock::testing

template <>
struct penstock::Codec<penstock::testing::OrderPlaced> : penstock::JsonCodec<penstock::testing::OrderPlaced> {
  static std::string Type() { return "OrderPlaced"; }
};
template <>
struct penstock::Codec<penstock::testing::OrderCancelled> : penstock::JsonCodec<penstock::testing::OrderCancelled> {
  static std::string Type() { return "OrderCancelled"; }
};
