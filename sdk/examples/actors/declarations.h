// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "penstock/eventbus/json_codec.h"
#include "penstock/penstock.h"

// Three actors, as those who send to them and those who run them know them.
namespace shop {

struct Email {
  std::string to{};
  std::string subject{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Email, to, subject)

struct Order {
  std::string id{};
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, id, cents)

/// Asks for a report on a customer; the reply says what it is about.
struct ReportRequest {
  std::string customer{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReportRequest, customer)

struct Report {
  std::int64_t orders = 0;
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Report, orders, cents)

}  // namespace shop

template <>
struct penstock::Codec<shop::Email> : penstock::JsonCodec<shop::Email> {
  static std::string Type() { return "shop.Email"; }
};
template <>
struct penstock::Codec<shop::Order> : penstock::JsonCodec<shop::Order> {
  static std::string Type() { return "shop.Order"; }
};
template <>
struct penstock::Codec<shop::ReportRequest> : penstock::JsonCodec<shop::ReportRequest> {
  static std::string Type() { return "shop.ReportRequest"; }
};
template <>
struct penstock::Codec<shop::Report> : penstock::JsonCodec<shop::Report> {
  static std::string Type() { return "shop.Report"; }
};

namespace shop {

// Without a key: any order, as many at a time as there are workers. One older than an hour is not worth sending.
inline const penstock::Actor<Email> kSendEmail{
    "send-email", {.max_age = std::chrono::hours(1), .when_expired = penstock::WhenExpired::kDrop}};
// With the customer as key: in order.
inline const penstock::Actor<Order> kProcessOrder{"process-order", {.time_limit = std::chrono::seconds(30)}};
// With a result.
inline const penstock::Actor<ReportRequest> kWriteReport{"write-report", {.results = {.keep = true}}};

}  // namespace shop
