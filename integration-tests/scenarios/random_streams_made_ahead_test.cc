// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scenarios/scenario.h"
#include "scenarios/stream_trial.h"

namespace penstock::testing {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecond = 1'000'000'000;

int FromEnvironment(const char* name, int otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::stoi(value);
}

/// Draws the settings of a stream; most are left as they are.
class DrawnSettings {
 public:
  explicit DrawnSettings(std::uint64_t seed) : random_(seed) {}

  /// `subject` stays covered three times out of four.
  json Next(const std::string& subject, const std::string& pattern, const std::string& foreign) {
    json settings = json::object();
    if (Sometimes()) settings["subjects"] = {OneOf<std::string>({pattern, subject, subject, foreign})};
    if (Sometimes()) settings["retention"] = OneOf<std::string>({"interest", "workqueue", "limits"});
    if (Sometimes()) settings["storage"] = OneOf<std::string>({"memory", "file"});
    if (Sometimes()) settings["discard"] = OneOf<std::string>({"new", "old"});
    if (Sometimes()) settings["discard_new_per_subject"] = true;
    if (Sometimes()) settings["max_msgs"] = OneOf<int>({1, 3, 999, 1000, 100000});
    if (Sometimes()) settings["max_msgs_per_subject"] = OneOf<int>({1, 3, 999, 1000, 100000});
    if (Sometimes()) settings["max_bytes"] = OneOf<int>({100, 5000, 1 << 20, 1 << 24});
    if (Sometimes()) settings["max_age"] = OneOf<std::int64_t>({kSecond, 59 * kSecond, 60 * kSecond, 86400 * kSecond});
    if (Sometimes()) settings["max_msg_size"] = OneOf<int>({10, 1000, 65536, 1 << 20});
    if (Sometimes()) settings["duplicate_window"] = OneOf<std::int64_t>({kSecond / 10, kSecond, 120 * kSecond});
    if (Sometimes()) settings["max_consumers"] = OneOf<int>({1, 2, -1});
    for (const char* flag : {"no_ack", "deny_delete", "deny_purge", "allow_rollup_hdrs", "allow_direct"}) {
      if (Sometimes()) settings[flag] = true;
    }
    if (Sometimes()) settings["republish"] = {{"src", ">"}, {"dest", "copies.>"}};
    if (Sometimes()) settings["compression"] = "s2";
    if (Sometimes()) settings["first_seq"] = OneOf<int>({1, 1000});
    if (Sometimes())
      settings["subject_transform"] = {{"src", OneOf<std::string>({pattern, "else.>"})}, {"dest", "moved.>"}};
    for (const char* flag : {"allow_msg_ttl", "allow_msg_counter", "allow_atomic", "allow_msg_schedules"}) {
      if (Sometimes()) settings[flag] = true;
    }
    if (Sometimes()) settings["persist_mode"] = "async";
    return settings;
  }

 private:
  bool Sometimes() { return std::uniform_int_distribution<int>(0, 11)(random_) == 0; }
  template <typename T>
  T OneOf(const std::vector<T>& values) {
    return values[std::uniform_int_distribution<std::size_t>(0, values.size() - 1)(random_)];
  }

  std::mt19937_64 random_;
};

// Naming a field and a remedy; or the server's own, with its number.
bool SaysWhatToDo(const absl::Status& status) {
  const std::string text(status.message());
  const bool ours = absl::StrContains(text, "\" is ") && absl::StrContains(text, "; ");
  return ours || absl::StrContains(text, "(JetStream error ");
}

void ExpectNothingLost(const TrialResult& result) {
  if (!result.subscribed.ok()) {
    EXPECT_TRUE(SaysWhatToDo(result.subscribed)) << result.subscribed;
    return;  // what was published is in its stream
  }
  EXPECT_TRUE(result.published.ok() || SaysWhatToDo(result.published)) << result.published;
  EXPECT_EQ(result.letters, result.rejected);
  if (result.redrive.ok()) {
    EXPECT_EQ(result.handled, result.stored);
  } else {
    EXPECT_TRUE(SaysWhatToDo(result.redrive)) << result.redrive;
  }
  EXPECT_EQ(result.handled_twice, 0U);
  EXPECT_TRUE(result.drained.ok()) << result.drained;
}

class RandomStreamsMadeAhead : public Scenario {};

// PENSTOCK_TRIALS and PENSTOCK_SEED choose how many, and which.
TEST_F(RandomStreamsMadeAhead, LoseNothingOrAreRefused) {
  const int trials = FromEnvironment("PENSTOCK_TRIALS", 40);
  const int first = FromEnvironment("PENSTOCK_SEED", 1);
  UseServer();
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  int ran = 0, refused = 0;
  for (int seed = first; ran < trials; ++seed) {
    StreamTrial trial(*raw, absl::StrCat("TRIAL", seed));
    DrawnSettings draw(static_cast<std::uint64_t>(seed));
    const json topic = draw.Next(kTrialTopic, "orders.>", "elsewhere");
    const std::string letters = trial.letter_stream() + ".>";
    const json letter = draw.Next(letters, letters, "elsewhere.letters.>");
    // A combination that no server takes is none.
    if (trial.MakeTopicStream(topic).ok() && trial.MakeLetterStream(letter).ok()) {
      SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed, " PENSTOCK_TRIALS=1: ", topic.dump(), " ", letter.dump()));
      const TrialResult result = trial.Run(Options());
      ExpectNothingLost(result);
      refused += result.subscribed.ok() && result.published.ok() ? 0 : 1;
      ++ran;
    }
    for (const std::string& stream : {trial.topic_stream(), trial.letter_stream()}) {
      ASSERT_THAT(raw->Request("$JS.API.STREAM.DELETE." + stream, ""), IsOk());
    }
    if (HasFailure()) break;
  }
  std::printf("%d trials, of which %d were refused\n", ran, refused);
}

}  // namespace
}  // namespace penstock::testing
