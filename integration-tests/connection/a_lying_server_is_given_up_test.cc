// SPDX-License-Identifier: Apache-2.0
// Impossible frames. The connection is replaced, and their contents are neither believed nor kept in memory.
#include "connection/memory.h"
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kMostGrowth = 80 * kMiB;

struct Lie {
  std::string name{};
  std::string says{};
  std::size_t then_bytes = 0;  ///< so many bytes more follow, at once and without a line end

  friend void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
};

class ALyingServer : public RelayedServer, public ::testing::WithParamInterface<std::tuple<Wire, Lie>> {
 protected:
  void SetUp() override {
    RelayedServer::SetUp();
    std::tie(wire_, lie_) = GetParam();
  }
  Wire wire_ = Wire::kPlain;
  Lie lie_{};
};

TEST_P(ALyingServer, IsGivenUpAndMadeAgain) {
  RunIsolated(seconds(60), [&] {
    const auto relay = Relay(wire_);
    const auto bus = Connect(*relay);
    ASSERT_NE(bus, nullptr);
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("before")), IsOk());
    MemoryGrowth growth;
    relay->Say(lie_.says);
    if (lie_.then_bytes > 0) relay->Flood('x', lie_.then_bytes);
    NoteCall("the wait for another connection");
    EXPECT_TRUE(AwaitReconnect(*bus, 0, 2 * kRecovery));
    EXPECT_EQ(relay->accepted(), 2U) << "connections, of which the first was lied to";
    EXPECT_THAT(Within(seconds(10), "PublishEnvelope", [&] { return bus->PublishEnvelope("orders", Event("after")); }),
                IsOk());
    if (kMemoryIsOurs) {
      EXPECT_LE(growth.Most(), kMostGrowth);
    }
  });
}

std::vector<Lie> Lies() {
  constexpr std::size_t kMany = 300 * kMiB;
  return {{.name = "AFrameOfOneGiB", .says = "MSG orders 1 1073741824\r\n", .then_bytes = kMany},
          {.name = "AFrameOfOneGiBWithHeaders",
           .says = "HMSG orders 1 100 1073741824\r\nNATS/1.0\r\n",
           .then_bytes = kMany},
          {.name = "AFrameOfOneGiBOfHeaders",
           .says = "HMSG orders 1 1073741823 1073741824\r\nNATS/1.0\r\n",
           .then_bytes = kMany},
          {.name = "AFrameOfOneGiBOfAnUnknownSubscription",
           .says = "MSG orders 424242 1073741824\r\n",
           .then_bytes = kMany},
          {.name = "AnEndlessLine", .says = "MSG ", .then_bytes = kMany},
          {.name = "AnEndlessVerb", .says = "", .then_bytes = kMany},
          {.name = "AnEndlessInfo", .says = "INFO {\"server_name\":\"", .then_bytes = kMany},
          {.name = "AnEndlessError", .says = "-ERR '", .then_bytes = kMany},
          {.name = "ANegativeSize", .says = "MSG orders 1 -5\r\nhello\r\n"},
          {.name = "ASizeOfManyDigits", .says = "MSG orders 1 99999999999999999999999999\r\nhello\r\n"},
          {.name = "ASizeThatWraps", .says = "MSG orders 1 18446744073709551615\r\nhello\r\n"},
          {.name = "ASizeThatIsNone", .says = "MSG orders 1 five\r\nhello\r\n"},
          {.name = "ASizeThatIsTooSmall", .says = "MSG orders 1 2\r\nhello\r\n"},
          {.name = "HeadersLargerThanTheMessage", .says = "HMSG orders 1 900 5\r\nhello\r\n"},
          {.name = "NoSize", .says = "MSG orders\r\nhello\r\n"},
          {.name = "AnUnknownVerb", .says = "BOGUS 1 2 3\r\n"},
          {.name = "Binary", .says = std::string("\x16\x03\x01\x00\xff\x00\x80\r\n\x00", 10)},
          {.name = "AnErrorThatEndsIt", .says = "-ERR 'Stale Connection'\r\n"}};
}

INSTANTIATE_TEST_SUITE_P(That, ALyingServer,
                         ::testing::Combine(::testing::Values(Wire::kPlain, Wire::kTls), ::testing::ValuesIn(Lies())),
                         [](const auto& both) {
                           return "Says" + std::get<1>(both.param).name + "Over" + NameOf(std::get<0>(both.param));
                         });

}  // namespace
}  // namespace penstock::testing
