// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <cstdlib>
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

/// Frees a message that came from the server, on this thread. `natsMsg_Destroy` gives it to a thread of the library,
/// through a lock that the whole process shares, which costs about a fifth of all that consuming costs. In every
/// version from 3.4 to 3.13 a message is one piece of memory from `malloc`, unless headers were read through the
/// library, which reads those of messages without a body (docs/adr/0010).
struct FreeReceived {
  void operator()(natsMsg* message) const {
    static const bool kKnown = nats_GetVersionNumber() < 0x040000;
    kKnown&& natsMsg_GetDataLength(message) > 0 ? std::free(message) : natsMsg_Destroy(message);
  }
};

using OptionsHandle = std::unique_ptr<natsOptions, Destroy>;
using ConnectionHandle = std::unique_ptr<natsConnection, Destroy>;
using SubscriptionHandle = std::unique_ptr<natsSubscription, Destroy>;
using ReplyHandle = std::unique_ptr<natsMsg, FreeReceived>;  // one that came
using ComposedHandle = std::unique_ptr<natsMsg, Destroy>;    // one that we made

}  // namespace penstock::eventbus::jetstream
