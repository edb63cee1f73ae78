// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <set>
#include <string>

namespace penstock::metrics {

/// Decides which names get series of their own: the first `capacity` different ones, for good. Thread-compatible.
class LabelCap {
 public:
  explicit LabelCap(std::size_t capacity) : capacity_(capacity) {}

  /// Whether `name` is shown by itself. The answer for a name never changes.
  bool Admit(const std::string& name);

 private:
  std::size_t capacity_;
  std::set<std::string> admitted_;
};

/// The label value of everything that is not shown by itself.
inline constexpr const char* kOtherLabel = "other";

}  // namespace penstock::metrics
