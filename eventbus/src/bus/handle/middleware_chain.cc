// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/middleware_chain.h"

#include <exception>
#include <string>
#include <utility>

namespace penstock::eventbus {
namespace {

/// One call, from the outside in.
class Chain {
 public:
  Chain(const Middlewares& all, const EnvelopeHandler& handler, const Envelope& envelope, const Delivery& delivery)
      : all_(all), handler_(handler), envelope_(envelope), delivery_(delivery) {}

  Outcome From(std::size_t index) const {
    if (index == all_.size()) return handler_(envelope_, delivery_);
    NextHandler next([this, index] { return From(index + 1); });
    return all_[index]->OnHandle(envelope_, delivery_, next);
  }

 private:
  const Middlewares& all_;
  const EnvelopeHandler& handler_;
  const Envelope& envelope_;
  const Delivery& delivery_;
};

}  // namespace

EnvelopeHandler WithMiddleware(EnvelopeHandler handler, const Middlewares& outer, const Middlewares& inner) {
  if (outer.empty() && inner.empty()) return handler;
  Middlewares all = outer;
  all.insert(all.end(), inner.begin(), inner.end());
  return [all = std::move(all), handler = std::move(handler)](const Envelope& envelope, const Delivery& delivery) {
    return Chain(all, handler, envelope, delivery).From(0);
  };
}

absl::Status BeforePublish(const Middlewares& all, std::string_view topic, Envelope& envelope,
                           PublishOptions& options) {
  for (const auto& each : all) {
    try {
      if (absl::Status status = each->BeforePublish(topic, envelope, options); !status.ok()) return status;
    } catch (const std::exception& error) {
      return absl::InternalError(std::string("publish: a middleware threw: ") + error.what());
    } catch (...) {
      return absl::InternalError("publish: a middleware threw what is no std::exception");
    }
  }
  return absl::OkStatus();
}

PublishCallback WithMiddleware(PublishCallback done, const Middlewares& all, std::string_view topic) {
  return [done = std::move(done), all, topic = std::string(topic)](absl::StatusOr<PubAck> ack) mutable {
    for (auto each = all.rbegin(); each != all.rend(); ++each) (*each)->AfterPublish(topic, ack);
    if (done) done(std::move(ack));
  };
}

}  // namespace penstock::eventbus
