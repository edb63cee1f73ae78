// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/exposition.h"

#include <prometheus/text_serializer.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

#include "http/negotiation.h"
#include "open_metrics.h"

namespace penstock::metrics {
namespace {

// The text format first: it is what a client gets that says nothing.
const std::array<MediaType, 2>& Offers() {
  static const std::array<MediaType, 2> kOffers = {
      MediaType{.name = "text/plain", .parameters = {{"version", "0.0.4"}}},
      MediaType{.name = "application/openmetrics-text", .parameters = {{"version", "1.0.0"}}}};
  return kOffers;
}

void Join(prometheus::MetricFamily from, prometheus::MetricFamily& to) {
  if (from.type != to.type) return;
  to.metric.insert(to.metric.end(), std::make_move_iterator(from.metric.begin()),
                   std::make_move_iterator(from.metric.end()));
}

}  // namespace

std::string RenderText(const std::vector<prometheus::MetricFamily>& families) {
  return prometheus::TextSerializer().Serialize(families);
}

std::string RenderOpenMetrics(const std::vector<prometheus::MetricFamily>& families) {
  OpenMetricsWriter writer;
  for (const prometheus::MetricFamily& family : families) writer.Write(family);
  return std::move(writer).Take();
}

HttpReply ReplyToScrape(const HttpRequest& request, const std::vector<prometheus::MetricFamily>& families) {
  if (BestOffer(request.Header("Accept"), Offers()) == 0) {
    return {.content_type = kTextFormatContentType, .body = RenderText(families)};
  }
  return {.content_type = kOpenMetricsContentType, .body = RenderOpenMetrics(families)};
}

std::vector<prometheus::MetricFamily> CollectAll(
    const std::vector<std::shared_ptr<prometheus::Collectable>>& collectables) {
  std::vector<prometheus::MetricFamily> families;
  std::map<std::string, std::size_t> known;
  for (const auto& collectable : collectables) {
    if (!collectable) continue;
    for (prometheus::MetricFamily& family : collectable->Collect()) {
      const auto [at, is_new] = known.try_emplace(family.name, families.size());
      if (is_new) {
        families.push_back(std::move(family));
      } else {
        Join(std::move(family), families[at->second]);
      }
    }
  }
  return families;
}

}  // namespace penstock::metrics
