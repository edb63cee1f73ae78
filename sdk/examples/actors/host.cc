// SPDX-License-Identifier: Apache-2.0
// Runs the three actors until SIGTERM.
#include <iostream>
#include <map>
#include <mutex>
#include <utility>

#include "declarations.h"

namespace {

/// The orders of each customer, for the reports.
class Books {
 public:
  void Add(const std::string& customer, const shop::Order& order) {
    const std::lock_guard<std::mutex> lock(mutex_);
    shop::Report& report = reports_[customer];
    ++report.orders;
    report.cents += order.cents;
  }
  absl::StatusOr<shop::Report> Of(const std::string& customer) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = reports_.find(customer);
    if (found == reports_.end()) return absl::NotFoundError("no orders of " + customer);
    return found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, shop::Report> reports_;
};

absl::Status Host(penstock::EventBus& bus, Books& books) {
  const auto emails = shop::kSendEmail.Host(bus, [](const shop::Email& email) {
    std::cout << "e-mail to " + email.to + ": " + email.subject + "\n" << std::flush;
    return penstock::Ack();
  });
  if (!emails.ok()) return emails.status();
  // An order that is processed again leads to the same e-mail, which is stored once.
  const auto orders = shop::kProcessOrder.Host(
      bus,
      [&books](const shop::Order& order, const penstock::Envelope& message,
               const penstock::Delivery& delivery) -> penstock::Outcome {
        const std::string& customer = message.aggregate_id;
        const auto sent = shop::kSendEmail.Send(
            delivery.bus(), {.to = customer, .subject = "order " + order.id},
            {.id = penstock::DerivedEventId(message.event_id, "confirmation"), .cause = &message});
        if (!sent.ok()) return sent.status();
        books.Add(customer, order);
        return penstock::Ack();
      });
  if (!orders.ok()) return orders.status();
  return shop::kWriteReport
      .Host(bus, [&books](const shop::ReportRequest& request) { return books.Of(request.customer); })
      .status();
}

}  // namespace

int main() {
  auto options = penstock::ServiceOptions::FromEnvironment({.bus = {.client_id = "shop"}, .metrics_port = 0});
  if (!options.ok()) return penstock::ExitCode(options.status());
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());
  Books books;
  if (absl::Status hosted = Host((*service)->bus(), books); !hosted.ok()) return penstock::ExitCode(hosted);
  std::cout << "hosting\n" << std::flush;
  return penstock::ExitCode((*service)->Run());
}
