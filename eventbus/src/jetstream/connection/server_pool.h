// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "naming/server_url.h"

namespace penstock::eventbus::jetstream {

/// The servers to connect to, in turns: those of the URL, in random order, then those that servers named since. The
/// latter are reached as the first of the URL is: with its credentials, and encrypted if any of the URL is.
///
/// **Thread safety:** thread-compatible.
class ServerPool {
 public:
  ServerPool(std::vector<ServerAddress> configured, std::minstd_rand& random);

  /// The next one to try.
  const ServerAddress& Next();
  /// The servers of a cluster as one of them named them, `host:port`: they replace those named before. A text of
  /// another form is left out. Nothing said changes nothing.
  void Learn(const std::vector<std::string>& places);

  std::size_t size() const { return servers_.size(); }
  /// Whether connections are to be encrypted.
  bool tls() const { return tls_; }

 private:
  const ServerAddress credentials_;  // the first of the URL
  const bool tls_;
  const std::size_t configured_;
  std::vector<ServerAddress> servers_;
  std::size_t next_ = 0;
};

}  // namespace penstock::eventbus::jetstream
