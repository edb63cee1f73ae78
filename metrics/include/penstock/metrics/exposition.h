// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <memory>
#include <string>
#include <vector>

#include "penstock/metrics/http_route.h"

namespace penstock::metrics {

/// Content types of `RenderText` and `RenderOpenMetrics`.
inline constexpr const char* kTextFormatContentType = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr const char* kOpenMetricsContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Families as the text format, version 0.0.4.
std::string RenderText(const std::vector<prometheus::MetricFamily>& families);

/// Families as OpenMetrics text, version 1.0.0. The names of counters' samples end in `_total`, which is added where it
/// is missing. A family whose name ends in `_seconds` or `_bytes` has that unit.
std::string RenderOpenMetrics(const std::vector<prometheus::MetricFamily>& families);

/// The families in the format that the request's `Accept` prefers; the text format when `Accept` prefers neither.
HttpReply ReplyToScrape(const HttpRequest& request, const std::vector<prometheus::MetricFamily>& families);

/// The families of several sources, one per name. Families of equal name and type are joined. Of families of equal name
/// and different types the first is kept. Null pointers are skipped.
std::vector<prometheus::MetricFamily> CollectAll(
    const std::vector<std::shared_ptr<prometheus::Collectable>>& collectables);

}  // namespace penstock::metrics
