// SPDX-License-Identifier: Apache-2.0
// The example of docs/streams.md, compiled and run. A test compares the two texts, so that neither changes alone.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/stream_registry.h"
#include "tests/snippet.h"

namespace penstock::actorpool {
namespace {

struct Quote {
  std::string symbol{};
  int price = 0;
};

/// The prices of one symbol. Its stream alone writes it.
struct Book {
  std::vector<int> prices{};

  absl::Status Update(const Quote& quote) {
    prices.push_back(quote.price);
    return absl::OkStatus();
  }
};

struct Market {
  std::string symbol{};
  Book book{};
};

absl::Status UpdateAll(std::vector<Market>& markets, std::vector<Quote> quotes) {
  const LogSink log = [](LogLevel, std::string_view line) { std::cerr << line << "\n"; };
  // [streams]
  auto pool = penstock::actorpool::ActorPool::Create({.name = "quotes", .workers = 4});
  if (!pool.ok()) return pool.status();
  auto streams = penstock::actorpool::StreamRegistry<Quote>::Create(**pool, {.name = "quotes", .log = log});
  if (!streams.ok()) return streams.status();

  for (Market& market : markets) {
    absl::Status registered = (*streams)->Register(
        market.symbol, [&book = market.book](const Quote& quote) { return book.Update(quote); }, {.capacity = 10'000});
    if (!registered.ok()) return registered;
  }
  for (Quote& quote : quotes) {
    // Waits for no callback. kNotFound: nobody registered the symbol. kResourceExhausted: 10,000 quotes of it wait.
    absl::Status accepted = (*streams)->Dispatch(quote.symbol, std::move(quote));
    if (!accepted.ok()) std::cerr << accepted << "\n";
  }
  auto report = (*streams)->Drain(std::chrono::seconds(30));  // Finishes what was accepted.
  if (!report.ok()) return report.status();
  std::cerr << report->finished << " finished, " << report->dropped << " dropped, " << report->running << " running\n";
  // [streams]
  return absl::OkStatus();
}

TEST(StreamsSnippetTest, UpdatesEveryBookInOrder) {
  std::vector<Market> markets = {{.symbol = "AAA"}, {.symbol = "BBB"}, {.symbol = "CCC"}};
  std::vector<Quote> quotes;
  for (int i = 0; i < 300; ++i) {
    quotes.push_back({.symbol = markets[static_cast<std::size_t>(i % 3)].symbol, .price = i});
  }
  quotes.push_back({.symbol = "DDD"});
  ASSERT_TRUE(UpdateAll(markets, std::move(quotes)).ok());
  for (const Market& market : markets) {
    EXPECT_EQ(market.book.prices.size(), 100u) << market.symbol;
    EXPECT_TRUE(std::is_sorted(market.book.prices.begin(), market.book.prices.end())) << market.symbol;
  }
}

TEST(StreamsSnippetTest, IsWhatTheDocumentShows) {
  const std::string snippet = SnippetOf(TextOf(ACTORPOOL_TESTS "/streams/streams_snippet_test.cc"), "streams");
  EXPECT_GT(snippet.size(), 500u);
  EXPECT_THAT(TextOf(PENSTOCK_STREAMS_DOC), ::testing::HasSubstr(snippet));
}

}  // namespace
}  // namespace penstock::actorpool
