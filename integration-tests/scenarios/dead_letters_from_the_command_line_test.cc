// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <sstream>

#include "scenarios/letter_box.h"
#include "support/child_process.h"

namespace penstock::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class DeadLettersFromTheCommandLine : public Scenario {
 protected:
  struct Ended {
    int code = -1;
    std::string output{};
  };

  // A service that rejects all events of k0 until it is fixed.
  void SetUp() override {
    UseServer({.config = "authorization { user: \"operator\", password: \"s3cret\" }"});
    BusOptions options = Options("billing");
    options.url = authorized_url();
    bus_ = Connect(std::move(options));
    ASSERT_THAT(bus_->SubscribeEnvelope("orders",
                                        [this](const Envelope& event, const Delivery&) {
                                          if (!fixed_ && event.aggregate_id == "k0") return Reject("unknown currency");
                                          log_.Add(event.aggregate_id, event.payload);
                                          return Ack();
                                        }),
                IsOk());
    PublishNumbered(*bus_, "orders", 2, 5);
    ASSERT_EQ(AwaitLetters(*bus_, 5).size(), 5U);
  }
  std::string authorized_url() const { return "nats://operator:s3cret@127.0.0.1:" + std::to_string(server_->port()); }
  static Ended Run(std::vector<std::string> words, std::map<std::string, std::string> environment = {}) {
    words.insert(words.begin(), {PENSTOCK_TOOL, "dlq"});
    auto child = ChildProcess::Spawn({.command = std::move(words), .environment = std::move(environment)});
    EXPECT_THAT(child, IsOk());
    const std::optional<int> code = (*child)->Await();
    return {.code = code.value_or(-1), .output = (*child)->output()};
  }
  Ended RunHere(std::vector<std::string> words) const {
    return Run(std::move(words), {{"PENSTOCK_URL", authorized_url()}});
  }
  static std::vector<Json> Objects(const std::string& output) {
    std::vector<Json> objects;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) objects.push_back(Json::parse(line));
    return objects;
  }

  std::unique_ptr<EventBus> bus_;
  std::atomic<bool> fixed_{false};
  Log log_;
};

TEST_F(DeadLettersFromTheCommandLine, AreListedByFilterAndPage) {
  const Ended all = RunHere({"list", "--json"});
  EXPECT_EQ(all.code, 0);
  const auto objects = Objects(all.output);
  ASSERT_EQ(objects.size(), 6U);
  EXPECT_EQ(objects[0]["key"], "k0");
  EXPECT_EQ(objects[0]["error"], "unknown currency");
  EXPECT_EQ(objects[5], Json({{"listed", 5}, {"more", 0}}));

  const Ended page = RunHere({"list", "--topic", "orders", "--limit", "2", "--after-id", "1"});
  EXPECT_EQ(page.code, 0);
  EXPECT_THAT(page.output, HasSubstr("2 listed, 2 more: --after-id 3\n"));
  EXPECT_THAT(RunHere({"list", "--key", "k1"}).output, HasSubstr("0 listed, 0 more"));
  EXPECT_THAT(RunHere({"list", "--error-class", "rejected", "--consumer", "billing"}).output, HasSubstr("5 listed"));
}

TEST_F(DeadLettersFromTheCommandLine, AreShownWhole) {
  const Ended shown = RunHere({"show", "2", "--json"});
  EXPECT_EQ(shown.code, 0);
  const auto objects = Objects(shown.output);
  ASSERT_EQ(objects.size(), 1U);
  EXPECT_EQ(objects[0]["envelope"]["event_type"], "Tested");
  EXPECT_EQ(objects[0]["envelope"]["payload"], "1");
  EXPECT_EQ(objects[0]["attempts"], 1);
  EXPECT_THAT(RunHere({"show", "2"}).output, HasSubstr("error             unknown currency\n"));
  EXPECT_EQ(RunHere({"show", "99"}).code, 1);
}

TEST_F(DeadLettersFromTheCommandLine, AreSentAgainByIdAndByFilter) {
  const Ended dry = RunHere({"redrive", "--topic", "orders", "--dry-run"});
  EXPECT_EQ(dry.code, 0);
  EXPECT_EQ(dry.output, "dry run: matched 5 sent 5\n");
  EXPECT_EQ(Letters(*bus_).size(), 5U);

  fixed_ = true;
  EXPECT_EQ(RunHere({"redrive", "1"}).output, "redrive: matched 1 sent 1\n");
  EXPECT_EQ(AwaitLetters(*bus_, 4).size(), 4U);
  const Ended rest = RunHere({"redrive", "--key", "k0", "--json"});
  EXPECT_EQ(rest.code, 0);
  EXPECT_EQ(Objects(rest.output).at(0)["sent"], 4);
  EXPECT_THAT(AwaitLetters(*bus_, 0), ::testing::IsEmpty());
  EXPECT_THAT(log_.Of("k0"), ElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(DeadLettersFromTheCommandLine, AreNotSentForEver) {
  for (int round = 1; round <= 2; ++round) {
    const std::uint64_t last = Letters(*bus_).back().id;
    EXPECT_EQ(RunHere({"redrive", "--topic", "orders", "--max-redrives", "2"}).code, 0) << round;
    ASSERT_TRUE(Eventually([&] { return Letters(*bus_, {.first_id = last + 1}).size() == 5; }, kPatience));
    ASSERT_EQ(AwaitLetters(*bus_, 5).size(), 5U);
  }
  const Ended refused = RunHere({"redrive", "--topic", "orders", "--max-redrives", "2"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.output, "redrive: matched 5 skipped_loop_guard 5\n");
}

TEST_F(DeadLettersFromTheCommandLine, WrongUseAndAWrongServerAreToldApart) {
  EXPECT_EQ(RunHere({"redrive"}).code, 2) << "everything is not redriven by accident";
  EXPECT_EQ(RunHere({"list", "--error-class", "odd"}).code, 2);
  EXPECT_EQ(RunHere({"remove", "1"}).code, 2);
  EXPECT_EQ(Run({"list", "--server", server_->url()}).code, 1) << "without the password";
  EXPECT_EQ(Run({"list", "--server", authorized_url()}).code, 0);
  EXPECT_EQ(Run({"list"}, {{"PENSTOCK_ULR", "x"}}).code, 2) << "as a service reads the environment";
}

}  // namespace
}  // namespace penstock::testing
