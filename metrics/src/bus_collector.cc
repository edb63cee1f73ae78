// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/bus_collector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "families.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::metrics {
namespace {

constexpr std::size_t kMaxNamespaceBytes = 128;
constexpr std::size_t kMaxTopics = 1000;

bool IsMetricName(std::string_view name) {
  const auto allowed = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_' || c == ':'; };
  return !name.empty() && name.size() <= kMaxNamespaceBytes &&
         !absl::ascii_isdigit(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

absl::Status CheckNamespace(const std::string& metric_namespace) {
  if (IsMetricName(metric_namespace)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "metrics options: metric_namespace is no metric name; use up to 128 bytes of [A-Za-z0-9_:], no digit first");
}

absl::Status CollectorOptions::Validate() const {
  if (!metric_namespace.empty()) {
    if (absl::Status status = CheckNamespace(metric_namespace); !status.ok()) return status;
  }
  if (client_id_in != ClientIdIn::kName && client_id_in != ClientIdIn::kLabel && client_id_in != ClientIdIn::kBoth) {
    return absl::InvalidArgumentError("metrics options: client_id_in is no choice; use kName, kLabel or kBoth");
  }
  if (max_topics < 1 || max_topics > kMaxTopics) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics options: max_topics is ", max_topics, "; use 1 to ", kMaxTopics));
  }
  return absl::OkStatus();
}

std::string DefaultNamespace(std::string_view client_id) {
  std::string name = "nats_eventbus_" + std::string(client_id);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !absl::ascii_isalnum(c) && c != '_'; }, '_');
  return name;
}

class BusCollector::Core {
 public:
  Core(StatsSource source, CollectorOptions options)
      : source_(std::move(source)), options_(std::move(options)), caps_(options_) {}

  std::vector<prometheus::MetricFamily> Collect() {
    const BusStats stats = source_();
    const MutexLock lock(mutex_);
    return AllFamilies(stats, options_, caps_);
  }

 private:
  const StatsSource source_;
  const CollectorOptions options_;
  Mutex mutex_;
  TopicCaps caps_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<std::unique_ptr<BusCollector>> BusCollector::Create(StatsSource source, CollectorOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  if (!source) {
    return absl::InvalidArgumentError("create bus collector: the source is empty; pass one that returns stats");
  }
  return std::unique_ptr<BusCollector>(new BusCollector(std::make_unique<Core>(std::move(source), std::move(options))));
}

BusCollector::BusCollector(std::unique_ptr<Core> core) : core_(std::move(core)) {}
BusCollector::~BusCollector() = default;

std::vector<prometheus::MetricFamily> BusCollector::Collect() const { return core_->Collect(); }

}  // namespace penstock::metrics
