// SPDX-License-Identifier: Apache-2.0
#include "open_metrics.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace penstock::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kUnits[] = {"seconds", "bytes"};

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Summary:
      return "summary";
    case MetricType::Histogram:
      return "histogram";
    default:
      return "unknown";
  }
}

// The shortest text that reads as the same number; `whole_suffix` is added to one without a point or an exponent.
std::string Number(double value, std::string_view whole_suffix = "") {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  std::string text(digits.data(), end);
  if (text.find_first_of(".e") == std::string::npos) text += whole_suffix;
  return text;
}

// Bounds and quantiles are floating-point numbers by their form, too.
std::string Bound(double value) { return Number(value, ".0"); }

void AppendEscaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
    } else {
      if (c == '\\' || c == '"') text += '\\';
      text += c;
    }
  }
}

void AppendLabel(std::string& text, const ClientMetric::Label& label) {
  text += text.ends_with('{') ? "" : ",";
  absl::StrAppend(&text, label.name, "=\"");
  AppendEscaped(text, label.value);
  text += '"';
}

}  // namespace

void OpenMetricsWriter::Write(const prometheus::MetricFamily& family) {
  std::string name = family.name;
  if (family.type == MetricType::Counter && name.ends_with(kTotal)) name.resize(name.size() - kTotal.size());
  WriteHead(name, TypeName(family.type), family.help);
  for (const ClientMetric& metric : family.metric) WriteMetric(name, family.type, metric);
}

std::string OpenMetricsWriter::Take() && {
  text_ += "# EOF\n";
  return std::move(text_);
}

void OpenMetricsWriter::WriteHead(std::string_view name, std::string_view type, std::string_view help) {
  const std::string family(name);
  absl::StrAppend(&text_, "# TYPE ", family, " ", std::string(type), "\n");
  for (const std::string_view unit : kUnits) {
    if (name.ends_with("_" + std::string(unit)))
      absl::StrAppend(&text_, "# UNIT ", family, " ", std::string(unit), "\n");
  }
  if (help.empty()) return;
  absl::StrAppend(&text_, "# HELP ", family, " ");
  AppendEscaped(text_, help);
  text_ += '\n';
}

void OpenMetricsWriter::WriteMetric(const std::string& name, MetricType type, const ClientMetric& metric) {
  switch (type) {
    case MetricType::Counter:
      return WriteSample(name + std::string(kTotal), metric, {}, Number(metric.counter.value));
    case MetricType::Gauge:
      return WriteSample(name, metric, {}, Number(metric.gauge.value));
    case MetricType::Summary:
      return WriteSummary(name, metric);
    case MetricType::Histogram:
      return WriteHistogram(name, metric);
    default:
      return WriteSample(name, metric, {}, Number(metric.untyped.value));
  }
}

void OpenMetricsWriter::WriteSummary(const std::string& name, const ClientMetric& metric) {
  for (const ClientMetric::Quantile& quantile : metric.summary.quantile) {
    WriteSample(name, metric, {"quantile", Bound(quantile.quantile)}, Number(quantile.value));
  }
  WriteSample(name + "_count", metric, {}, absl::StrCat(metric.summary.sample_count));
  WriteSample(name + "_sum", metric, {}, Number(metric.summary.sample_sum));
}

void OpenMetricsWriter::WriteHistogram(const std::string& name, const ClientMetric& metric) {
  double last = 0;
  for (const ClientMetric::Bucket& bucket : metric.histogram.bucket) {
    last = bucket.upper_bound;
    WriteSample(name + "_bucket", metric, {"le", Bound(last)}, absl::StrCat(bucket.cumulative_count));
  }
  const std::string count = absl::StrCat(metric.histogram.sample_count);
  if (!std::isinf(last)) WriteSample(name + "_bucket", metric, {"le", "+Inf"}, count);
  WriteSample(name + "_count", metric, {}, count);
  WriteSample(name + "_sum", metric, {}, Number(metric.histogram.sample_sum));
}

void OpenMetricsWriter::WriteSample(const std::string& name, const ClientMetric& metric,
                                    const ClientMetric::Label& extra, std::string_view value) {
  text_ += name;
  if (!metric.label.empty() || !extra.name.empty()) {
    text_ += '{';
    for (const ClientMetric::Label& label : metric.label) AppendLabel(text_, label);
    if (!extra.name.empty()) AppendLabel(text_, extra);
    text_ += '}';
  }
  absl::StrAppend(&text_, " ", std::string(value));
  if (metric.timestamp_ms != 0) absl::StrAppendFormat(&text_, " %.3f", static_cast<double>(metric.timestamp_ms) / 1000);
  text_ += '\n';
}

}  // namespace penstock::metrics
