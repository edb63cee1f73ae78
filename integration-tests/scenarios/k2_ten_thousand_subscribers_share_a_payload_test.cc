// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class TenThousandSubscribersShareAPayload : public Scenario {
 protected:
  void SetUp() override { UseMemory(); }
};

TEST_F(TenThousandSubscribersShareAPayload, EachReceivesItAtTheSameAddress) {
  constexpr std::size_t kSubscribers = 10'000;
  auto bus = Connect();
  std::mutex mutex;
  std::set<const char*> addresses;
  std::set<std::size_t> received;
  for (std::size_t i = 0; i < kSubscribers; ++i) {
    ASSERT_THAT(bus->Subscribe("notices",
                               [&, i](const Delivery& delivery) {
                                 const std::lock_guard<std::mutex> lock(mutex);
                                 addresses.insert(delivery.payload().data());
                                 received.insert(i);
                                 return absl::OkStatus();
                               }),
                IsOk());
  }
  auto reader = bus->Read("notices");
  ASSERT_THAT(reader, IsOk());
  ASSERT_THAT(bus->Publish("notices", std::string(1 << 19, 'x')), IsOk());
  EXPECT_TRUE(Eventually(
      [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        return received.size() == kSubscribers;
      },
      kPatience));
  const auto message = reader->Next(kPatience);
  ASSERT_THAT(message, IsOk());
  const std::lock_guard<std::mutex> lock(mutex);
  EXPECT_EQ(addresses, std::set<const char*>{message->payload().data()});
}

}  // namespace
}  // namespace penstock::testing
