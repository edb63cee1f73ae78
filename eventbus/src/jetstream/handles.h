// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <memory>

// Owners of what nats.c hands out.
namespace penstock::eventbus::jetstream {

struct Destroy {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
  void operator()(natsInbox* inbox) const { natsInbox_Destroy(inbox); }
};

using OptionsHandle = std::unique_ptr<natsOptions, Destroy>;
using ConnectionHandle = std::unique_ptr<natsConnection, Destroy>;
using SubscriptionHandle = std::unique_ptr<natsSubscription, Destroy>;
using MessageHandle = std::unique_ptr<natsMsg, Destroy>;

}  // namespace penstock::eventbus::jetstream
