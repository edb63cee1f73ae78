// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::eventbus {

enum class Storage { kMemory, kFile };
std::string_view StorageName(Storage storage);  // "memory", "file"

/// The fate of a new message when the stream is full.
enum class Discard { kOld, kNew };

enum class Retention {
  kLimits,
  kInterest,   ///< messages stay until every consumer has acknowledged them; those that none wants are not kept
  kWorkQueue,  ///< messages stay until the one consumer of their subject has acknowledged them
};

struct StreamSpec {
  std::string name{};
  std::vector<std::string> subjects{};
  Storage storage = Storage::kFile;
  Discard discard = Discard::kOld;
  std::chrono::milliseconds max_age{0};       ///< 0: none
  std::int64_t max_bytes = 0;                 ///< 0: none
  std::int64_t max_messages_per_subject = 0;  ///< the oldest leave; 0: none
  std::int64_t max_message_bytes = 0;         ///< of headers and body; 0: none
  std::chrono::seconds duplicate_window{120};
  int replicas = 1;
  /// The embedded transport may forget it while it has neither messages nor consumers, and makes it again when it is
  /// needed. Servers keep what is empty.
  bool forgotten_when_unused = false;
};

/// The subjects under which a stream stores what it takes.
struct SubjectTransform {
  std::string source{};  ///< a pattern; empty: every subject
  std::string destination{};
};

/// A stream as the server has it. A limit of 0 is none.
struct StreamFacts {
  std::vector<std::string> subjects{};
  Storage storage = Storage::kFile;
  bool created = false;  ///< by this call
  std::chrono::nanoseconds duplicate_window{0};
  Retention retention = Retention::kLimits;
  Discard discard = Discard::kOld;
  bool discard_new_per_subject = false;  ///< a full subject refuses new messages
  std::int64_t max_messages = 0;
  std::int64_t max_messages_per_subject = 0;
  std::int64_t max_bytes = 0;
  std::int64_t max_message_bytes = 0;  ///< of headers and body
  std::chrono::nanoseconds max_age{0};
  int replicas = 1;
  bool no_ack = false;
  bool sealed = false;
  bool denies_delete = false;
  bool allows_rollup = false;
  bool counts = false;                     ///< takes only increments of counters
  bool persists_later = false;             ///< a PubAck does not wait for the disk
  std::chrono::nanoseconds marker_ttl{0};  ///< of the markers for messages that expired; 0: it writes none
  std::string mirror_of{};                 ///< the stream that it mirrors; empty: none
  std::vector<std::string> sources{};      ///< the streams that it takes messages from
  std::optional<SubjectTransform> subject_transform{};
  std::uint64_t consumers = 0;
};

/// A stream of that specification, on a server that keeps to it.
StreamFacts FactsOf(const StreamSpec& spec);

}  // namespace penstock::eventbus
