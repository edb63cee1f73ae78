// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "penstock/eventbus/options.h"

namespace penstock::eventbus::jetstream {

/// The subjects at which a JetStream is asked: the only place that makes them. It is that of the connection's account,
/// one of another domain (`$JS.<domain>.API`), or one that is imported under a prefix.
///
/// **Thread safety:** immutable.
class ApiSubjects {
 public:
  /// With options that were validated.
  explicit ApiSubjects(const BusOptions& options);

  /// Whether it is that of another domain or account, of whose servers the connection tells nothing.
  bool remote() const { return remote_; }
  /// Without a dot at its end.
  std::string_view prefix() const { return prefix_; }
  /// `request` is such as `STREAM.INFO.ORDERS`.
  std::string For(std::string_view request) const;
  /// Where a write to a bucket is published whose stream takes `subject`, such as `$KV.leases.a`: below the prefix of a
  /// remote one, as every NATS client does, since `$KV` itself passes neither domains nor accounts.
  std::string ForBucketWrite(std::string_view subject) const;

 private:
  const std::string prefix_;
  const bool remote_;
};

}  // namespace penstock::eventbus::jetstream
