// SPDX-License-Identifier: Apache-2.0
#include "http/negotiation.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace penstock::metrics {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The end of the part of `text` up to `separator`, which counts only outside quotes.
std::size_t EndOfPart(std::string_view text, char separator) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text[i] == separator) {
      return i;
    }
  }
  return text.size();
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = EndOfPart(text, separator);
    parts.push_back(Trimmed(text.substr(0, end)));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string Lower(std::string_view text) { return absl::AsciiStrToLower(std::string(text)); }

std::string Unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return Lower(text);
  return Lower(text.substr(1, text.size() - 2));
}

// RFC 9110, 12.4.2: 0 to 1 with at most three decimals.
std::optional<int> ParseQuality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int quality = (text[0] - '0') * 1000;
  int weight = 100;
  for (const char digit : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return std::nullopt;
    quality += (digit - '0') * weight;
    weight /= 10;
  }
  return quality > 1000 ? std::nullopt : std::optional(quality);
}

std::optional<Preference> ParsePreference(std::string_view element) {
  const std::vector<std::string_view> parts = Split(element, ';');
  Preference preference{.name = Lower(parts.front())};
  if (preference.name.empty()) return std::nullopt;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = std::min(parts[i].find('='), parts[i].size());
    std::string name = Lower(Trimmed(parts[i].substr(0, equals)));
    const std::string_view value = Trimmed(parts[i].substr(std::min(parts[i].size(), equals + 1)));
    if (name != "q") {
      preference.parameters.emplace_back(std::move(name), Unquoted(value));
      continue;
    }
    const std::optional<int> quality = ParseQuality(value);
    if (!quality) return std::nullopt;
    preference.quality = *quality;
    break;
  }
  return preference;
}

// How exactly a range names an offer: -1 not at all, 0 "*/*", 1 "text/*", 2 the type, 3 and more with parameters.
int Exactness(const Preference& range, const MediaType& offer) {
  if (range.name == "*/*" || range.name == "*") return 0;
  if (range.name.ends_with("/*"))
    return absl::StartsWith(offer.name, range.name.substr(0, range.name.size() - 1)) ? 1 : -1;
  if (range.name != offer.name) return -1;
  int exactness = 2;
  for (const auto& parameter : range.parameters) {
    if (parameter.first == "charset" || parameter.first == "escaping" || parameter.first.empty()) continue;
    if (std::ranges::find(offer.parameters, parameter) == offer.parameters.end()) return -1;
    ++exactness;
  }
  return exactness;
}

// Quality and exactness of the range that names the offer most exactly.
std::pair<int, int> Rank(const std::vector<Preference>& ranges, const MediaType& offer) {
  std::pair<int, int> rank{0, -1};
  for (const Preference& range : ranges) {
    const int exactness = Exactness(range, offer);
    if (exactness > rank.second) rank = {range.quality, exactness};
  }
  return rank;
}

std::optional<int> QualityOf(const std::vector<Preference>& preferences, std::string_view name) {
  const auto found = std::ranges::find(preferences, name, &Preference::name);
  return found == preferences.end() ? std::nullopt : std::optional(found->quality);
}

}  // namespace

std::vector<Preference> ParsePreferences(std::string_view field) {
  std::vector<Preference> preferences;
  for (const std::string_view element : Split(field, ',')) {
    if (std::optional<Preference> preference = ParsePreference(element)) preferences.push_back(*std::move(preference));
  }
  return preferences;
}

bool PrefersGzip(std::string_view accept_encoding) {
  const std::vector<Preference> preferences = ParsePreferences(accept_encoding);
  std::optional<int> gzip = QualityOf(preferences, "gzip");
  if (!gzip) gzip = QualityOf(preferences, "x-gzip");
  if (!gzip) gzip = QualityOf(preferences, "*");
  return gzip.value_or(0) > 0 && *gzip >= QualityOf(preferences, "identity").value_or(0);
}

std::size_t BestOffer(std::string_view accept, std::span<const MediaType> offers) {
  const std::vector<Preference> ranges = ParsePreferences(accept);
  std::size_t best = 0;
  std::pair<int, int> best_rank{0, -1};
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const std::pair<int, int> rank = Rank(ranges, offers[i]);
    if (rank.first > 0 && rank > best_rank) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace penstock::metrics
