// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace penstock::eventbus::simulation {

/// A key-value bucket as a quorum of servers keeps it: every write is committed, or refused since it expects another
/// revision. Thread-compatible.
class ModelBucket {
 public:
  struct Entry {
    std::string value{};
    std::uint64_t revision = 0;
  };

  std::optional<Entry> Get(const std::string& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
  }

  /// Writes if the key's revision is `expected`; 0: if the key is not there. The new revision, or nothing.
  std::optional<std::uint64_t> Put(const std::string& key, std::string value, std::uint64_t expected) {
    if (RevisionOf(key) != expected) return std::nullopt;
    entries_[key] = {std::move(value), ++last_};
    return last_;
  }

  /// Deletes the key if its revision is `expected`, when one is. False: it is another.
  bool Delete(const std::string& key, std::optional<std::uint64_t> expected) {
    if (expected && RevisionOf(key) != *expected) return false;
    ++last_;
    entries_.erase(key);
    return true;
  }

 private:
  std::uint64_t RevisionOf(const std::string& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? 0 : found->second.revision;
  }

  std::map<std::string, Entry> entries_{};
  std::uint64_t last_ = 0;
};

}  // namespace penstock::eventbus::simulation
