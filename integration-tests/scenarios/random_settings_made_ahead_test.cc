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

/// Draws the settings of streams and consumers; most are left as they are.
class DrawnSettings {
 public:
  explicit DrawnSettings(std::uint64_t seed) : random_(seed) {}

  /// `subject` stays covered three times out of four.
  json OfStream(const std::string& subject, const std::string& pattern, const std::string& foreign) {
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

  /// Of one that is sent, or asked, as `sharing` is. Every event that is published afterwards is to be delivered.
  json OfConsumer(Sharing sharing) {
    json settings = json::object();
    if (Sometimes()) settings["ack_policy"] = OneOf<std::string>({"all", "none", "explicit"});
    if (Sometimes()) settings["filter_subject"] = OneOf<json>({nullptr, "orders.>", "orders.*"});
    if (Sometimes()) {
      settings["filter_subject"] = nullptr;
      settings["filter_subjects"] = OneOf<json>({{kTrialTopic}, {kTrialTopic, "elsewhere"}});
    }
    DrawStart(settings);
    DrawTimes(settings);
    DrawLimits(settings);
    if (sharing == Sharing::kExclusive) DrawPush(settings);
    return settings;
  }
  Sharing NextSharing() { return OneOf<Sharing>({Sharing::kExclusive, Sharing::kExclusive, Sharing::kShared}); }
  bool HalfOfThem() { return OneOf<int>({0, 1}) == 0; }

 private:
  void DrawStart(json& settings) {
    if (Sometimes()) settings["deliver_policy"] = OneOf<std::string>({"new", "last", "last_per_subject"});
    if (Sometimes()) {
      settings["deliver_policy"] = "by_start_sequence";
      settings["opt_start_seq"] = 1;
    }
    if (Sometimes()) {
      settings["deliver_policy"] = "by_start_time";
      settings["opt_start_time"] = "2020-01-01T00:00:00Z";
    }
    if (Sometimes()) settings["replay_policy"] = OneOf<std::string>({"original", "instant"});
    if (Sometimes()) settings["headers_only"] = true;
  }
  void DrawTimes(json& settings) {
    if (Sometimes()) settings["ack_wait"] = OneOf<std::int64_t>({kSecond / 10, kSecond, 3600 * kSecond});
    if (Sometimes()) {
      settings["backoff"] = {kSecond, 2 * kSecond};
      settings["max_deliver"] = 5;
    }
    if (Sometimes()) settings["inactive_threshold"] = OneOf<std::int64_t>({kSecond, 3600 * kSecond});
    if (Sometimes()) settings["pause_until"] = OneOf<std::string>({"2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z"});
  }
  void DrawLimits(json& settings) {
    if (Sometimes()) settings["max_deliver"] = OneOf<int>({1, 3, -1});
    if (Sometimes()) settings["max_ack_pending"] = OneOf<int>({1, 2, 1000, -1});
    if (Sometimes()) settings["max_waiting"] = OneOf<int>({1, 512});
    if (Sometimes()) settings["max_batch"] = OneOf<int>({1, 2, 100});
    if (Sometimes()) settings["max_expires"] = OneOf<std::int64_t>({kSecond, 60 * kSecond});
    if (Sometimes()) settings["max_bytes"] = OneOf<int>({100, 1 << 20});
    if (Sometimes()) settings["mem_storage"] = true;
    if (Sometimes()) settings["num_replicas"] = 1;
    if (Sometimes()) settings["sample_freq"] = "100%";
    if (Sometimes()) settings["metadata"] = {{"team", "billing"}};
    if (Sometimes()) settings["description"] = "of an operator";
    if (Sometimes()) {
      settings["priority_policy"] = OneOf<std::string>({"overflow", "pinned_client", "prioritized"});
      settings["priority_groups"] = {"a"};
    }
  }
  void DrawPush(json& settings) {
    if (Sometimes()) settings["flow_control"] = true;
    if (Sometimes()) settings["idle_heartbeat"] = OneOf<json>({nullptr, kSecond / 10, 30 * kSecond});
    if (Sometimes()) settings["rate_limit_bps"] = OneOf<int>({100, 1 << 26});
    if (Sometimes()) settings["deliver_group"] = "group";
    if (Sometimes()) settings["deliver_subject"] = nullptr;
  }

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
  const bool names = absl::StrContains(text, "\" is ") || absl::StrContains(text, "it exists with ");
  const bool ours = names && absl::StrContains(text, "; ");
  return ours || absl::StrContains(text, "(JetStream error ");
}

void ExpectNothingLost(const TrialResult& result) {
  if (!result.subscribed.ok()) {
    EXPECT_TRUE(SaysWhatToDo(result.subscribed)) << result.subscribed;
    EXPECT_EQ(result.handled + result.rejected, 0U) << "refused before the first event";
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

/// The trials so far.
struct Tally {
  int ran = 0;
  int refused = 0;
  int with_consumer = 0;
};

class RandomSettingsMadeAhead : public Scenario {
 protected:
  // A combination that no server takes is none.
  void Try(RawNats& raw, int seed, Tally& tally) const {
    StreamTrial trial(raw, absl::StrCat("TRIAL", seed));
    DrawnSettings draw(static_cast<std::uint64_t>(seed));
    const bool both = draw.HalfOfThem();
    const Sharing sharing = draw.NextSharing();
    const json topic = both ? draw.OfStream(kTrialTopic, "orders.>", "elsewhere") : json::object();
    const std::string letters = trial.letter_stream() + ".>";
    const json letter = both ? draw.OfStream(letters, letters, "elsewhere.letters.>") : json::object();
    const json consumer = draw.OfConsumer(sharing);
    if (trial.MakeTopicStream(topic).ok() && trial.MakeLetterStream(letter).ok()) {
      const bool made = trial.MakeConsumer(sharing, consumer).ok();
      SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed, " PENSTOCK_TRIALS=1: ", topic.dump(), " ", letter.dump(), " ",
                                made ? consumer.dump() : "no consumer"));
      const TrialResult result = trial.Run(Options(), sharing);
      ExpectNothingLost(result);
      ++tally.ran;
      tally.refused += result.subscribed.ok() && result.published.ok() ? 0 : 1;
      tally.with_consumer += made ? 1 : 0;
    }
    for (const std::string& stream : {trial.topic_stream(), trial.letter_stream()}) {
      EXPECT_THAT(raw.Request("$JS.API.STREAM.DELETE." + stream, ""), IsOk());
    }
  }
};

// PENSTOCK_TRIALS and PENSTOCK_SEED choose how many, and which.
TEST_F(RandomSettingsMadeAhead, LoseNothingOrAreRefused) {
  const int trials = FromEnvironment("PENSTOCK_TRIALS", 60);
  UseServer();
  auto raw = RawNats::Connect(server_->port());
  ASSERT_THAT(raw, IsOk());
  Tally tally;
  for (int seed = FromEnvironment("PENSTOCK_SEED", 1); tally.ran < trials && !HasFailure(); ++seed) {
    Try(*raw, seed, tally);
  }
  std::printf("%d trials, %d of them with a consumer made ahead, of which %d were refused\n", tally.ran,
              tally.with_consumer, tally.refused);
}

}  // namespace
}  // namespace penstock::testing
