// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/bus_collector.h"

#include <utility>

#include "families.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::metrics {

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
  if (!source)
    return absl::InvalidArgumentError("create bus collector: the source is empty; pass one that returns stats");
  return std::unique_ptr<BusCollector>(new BusCollector(std::make_unique<Core>(std::move(source), std::move(options))));
}

BusCollector::BusCollector(std::unique_ptr<Core> core) : core_(std::move(core)) {}
BusCollector::~BusCollector() = default;

std::vector<prometheus::MetricFamily> BusCollector::Collect() const { return core_->Collect(); }

}  // namespace penstock::metrics
