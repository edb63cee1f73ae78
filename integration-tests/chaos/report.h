// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "chaos/checker.h"
#include "chaos/progress.h"
#include "chaos/tasks/task_report.h"

namespace penstock::chaos {

/// The result of a run.
struct Report {
  std::uint64_t seed = 0;
  std::string server{};  ///< its version
  bool tls = false;      ///< publisher and consumer spoke TLS to it
  std::size_t events = 0;
  std::size_t faults_asked = 0;
  std::size_t credit = 0;
  Findings findings{};
  TaskReport tasks{};
  std::map<std::string, std::size_t> faults{};  ///< injected, by kind
  std::vector<Recovery> recoveries{};           ///< of each fault
  double seconds = 0;
  std::string failure{};  ///< why the run could not be finished; empty: it was
};

/// Why the run has failed, a sentence each; none when it has not.
std::vector<std::string> Shortcomings(const Report& report);

/// One line of JSON.
std::string ToJson(const Report& report);

/// For people.
std::string ToText(const Report& report);

}  // namespace penstock::chaos
