// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/actor_state.h"

namespace penstock {
namespace eventbus {

/// The states in memory, by key.
class StateKeeper::States {
 public:
  States(Type type, std::shared_ptr<StateStore> store, std::chrono::milliseconds idle_after)
      : type_(std::move(type)), store_(std::move(store)), idle_after_(idle_after) {}

  Outcome Handle(const Occasion& occasion, const std::function<Outcome(void* state)>& handle, Clock::time_point now) {
    const std::shared_ptr<Cell> cell = CellOf(occasion.key, now);
    // Another process may have handled messages since.
    if (cell->state != nullptr && store_ && cell->fence != occasion.fence) cell->state = nullptr;
    if (cell->state == nullptr) {
      if (absl::Status loaded = Open(occasion, *cell); !loaded.ok())
        return Retry(absl::StrCat("load the state of key ", Quoted(occasion.key), ": ", std::string(loaded.message())));
    }
    if (store_ && HasSeen(*cell, occasion)) return AsBefore(*cell, occasion);
    // Whatever happens before it is saved: it is loaded again, as it was.
    absl::Cleanup forget = [&] { cell->state = store_ ? nullptr : cell->state; };
    Outcome outcome = handle(cell->state.get());
    if (outcome.kind() == Outcome::Kind::kDeferred) {
      return Reject("a handler with a state may not defer: the state is saved when it returns");
    }
    if (outcome.kind() != Outcome::Kind::kAck || !store_) return outcome;
    if (absl::Status saved = Save(occasion, outcome, *cell); !saved.ok())
      return Retry(absl::StrCat("save the state of key ", Quoted(occasion.key), ": ", std::string(saved.message())));
    std::move(forget).Cancel();
    return outcome;
  }

  std::size_t size() const {
    MutexLock lock(mutex_);
    return cells_.size();
  }

 private:
  // Used by one call at a time: that of its key.
  struct Cell {
    std::shared_ptr<void> state{};
    StoredState stored{};
    std::uint64_t fence = 0;
    Clock::time_point used{};
  };

  // The other holders of a cell are calls that run: those of its key, of which there is one.
  std::shared_ptr<Cell> CellOf(std::string_view key, Clock::time_point now) {
    MutexLock lock(mutex_);
    if (now - swept_ >= idle_after_ / 4) {
      swept_ = now;
      std::erase_if(cells_, [&](const auto& entry) {
        return entry.second.use_count() == 1 && now - entry.second->used >= idle_after_ && entry.first != key;
      });
    }
    std::shared_ptr<Cell>& cell = cells_.try_emplace(std::string(key)).first->second;
    if (cell == nullptr || (cell.use_count() == 1 && now - cell->used >= idle_after_)) cell = std::make_shared<Cell>();
    cell->used = now;
    return cell;
  }

  absl::Status Open(const Occasion& occasion, Cell& cell) {
    std::optional<StoredState> found;
    if (store_) {
      absl::StatusOr<std::optional<StoredState>> loaded = store_->Load(occasion.key);
      if (!loaded.ok()) return loaded.status();
      found = *std::move(loaded);
    }
    absl::StatusOr<std::shared_ptr<void>> state = found ? type_.decode(found->state) : type_.make(occasion.key);
    if (!state.ok()) return state.status();
    cell.state = *std::move(state);
    cell.stored = found.value_or(StoredState{});
    cell.stored.state.clear();
    cell.fence = occasion.fence;
    return absl::OkStatus();
  }

  // One of a stream made anew has a lower sequence and was stored later.
  static bool HasSeen(const Cell& cell, const Occasion& occasion) {
    return occasion.sequence <= cell.stored.sequence && occasion.stored_at <= cell.stored.stored_at;
  }

  static Outcome AsBefore(const Cell& cell, const Occasion& occasion) {
    const bool last = occasion.sequence == cell.stored.sequence && occasion.stored_at == cell.stored.stored_at;
    return last ? Outcome::AlreadyHandled(cell.stored.value) : Outcome::AlreadyHandled();
  }

  absl::Status Save(const Occasion& occasion, const Outcome& outcome, Cell& cell) {
    absl::StatusOr<std::string> bytes = type_.encode(cell.state.get());
    if (!bytes.ok()) return bytes.status();
    StoredState next{.state = *std::move(bytes),
                     .revision = cell.stored.revision,
                     .sequence = occasion.sequence,
                     .stored_at = occasion.stored_at,
                     .value = outcome.value() ? *outcome.value() : std::string()};
    const absl::StatusOr<std::uint64_t> revision = store_->Save(occasion.key, next);
    if (!revision.ok()) return revision.status();
    next.state.clear();
    next.revision = *revision;
    cell.stored = std::move(next);
    return absl::OkStatus();
  }

  const Type type_;
  const std::shared_ptr<StateStore> store_;
  const std::chrono::milliseconds idle_after_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Cell>, std::less<>> cells_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point swept_ ABSL_GUARDED_BY(mutex_){};
};

StateKeeper::StateKeeper(Type type, std::shared_ptr<StateStore> store, std::chrono::milliseconds idle_after)
    : states_(std::make_unique<States>(std::move(type), std::move(store), idle_after)) {}
StateKeeper::~StateKeeper() = default;

Outcome StateKeeper::Handle(const Occasion& occasion, const std::function<Outcome(void* state)>& handle,
                            Clock::time_point now) {
  return states_->Handle(occasion, handle, now);
}

std::size_t StateKeeper::size() const { return states_->size(); }

namespace {

// Before the state: the format's number, the last message's sequence and time in nanoseconds, little-endian; if that
// message has a value also its size, and the value.
constexpr char kFormat = 1, kFormatWithValue = 2;
constexpr std::size_t kStampBytes = 17, kSizeBytes = 8;

std::string Number(std::uint64_t number) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(number >> shift);
  return bytes;
}

std::string Stamped(const StoredState& state) {
  const std::int64_t time =
      std::chrono::duration_cast<std::chrono::nanoseconds>(state.stored_at.time_since_epoch()).count();
  const std::string stamp = Number(state.sequence) + Number(static_cast<std::uint64_t>(time));
  if (state.value.empty()) return kFormat + stamp + state.state;
  return kFormatWithValue + stamp + Number(state.value.size()) + state.value + state.state;
}

std::uint64_t NumberAt(std::string_view value, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number |= std::uint64_t{static_cast<unsigned char>(value[at + i])} << (8 * i);
  return number;
}

absl::StatusOr<StoredState> ReadStamped(const BucketEntry& entry) {
  const absl::Status broken = absl::DataLossError("the value is no state of an actor");
  if (entry.value.size() < kStampBytes) return broken;
  std::size_t value_at = kStampBytes, value_bytes = 0;
  if (entry.value[0] == kFormatWithValue) {
    value_at += kSizeBytes;
    if (entry.value.size() < value_at) return broken;
    value_bytes = NumberAt(entry.value, kStampBytes);
    if (entry.value.size() - value_at < value_bytes) return broken;
  } else if (entry.value[0] != kFormat) {
    return broken;
  }
  const auto time = std::chrono::nanoseconds(static_cast<std::int64_t>(NumberAt(entry.value, 9)));
  return StoredState{.state = entry.value.substr(value_at + value_bytes),
                     .revision = entry.revision,
                     .sequence = NumberAt(entry.value, 1),
                     .stored_at = std::chrono::system_clock::time_point(
                         std::chrono::duration_cast<std::chrono::system_clock::duration>(time)),
                     .value = entry.value.substr(value_at, value_bytes)};
}

class BucketStates final : public StateStore {
 public:
  BucketStates(std::unique_ptr<Bucket> bucket, std::string_view prefix) : bucket_(std::move(bucket)), prefix_(prefix) {}

  absl::StatusOr<std::optional<StoredState>> Load(std::string_view key) override {
    const absl::StatusOr<BucketEntry> entry = bucket_->Get(KeyOf(key));
    if (absl::IsNotFound(entry.status())) return std::optional<StoredState>();
    if (!entry.ok()) return entry.status();
    absl::StatusOr<StoredState> state = ReadStamped(*entry);
    if (!state.ok()) return state.status();
    return std::optional(*std::move(state));
  }

  absl::StatusOr<std::uint64_t> Save(std::string_view key, const StoredState& state) override {
    if (state.revision == 0) return AsAborted(bucket_->Create(KeyOf(key), Stamped(state)));
    return bucket_->Update(KeyOf(key), Stamped(state), state.revision);
  }

 private:
  static absl::StatusOr<std::uint64_t> AsAborted(absl::StatusOr<std::uint64_t> created) {
    if (absl::IsAlreadyExists(created.status())) return absl::AbortedError(created.status().message());
    return created;
  }

  // Bytes that a bucket's key may not have are written as `=` and two hexadecimal digits.
  std::string KeyOf(std::string_view key) const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string name = absl::StrCat(prefix_, ".");
    for (const char each : key) {
      const auto byte = static_cast<unsigned char>(each);
      const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                         byte == '-' || byte == '_' || byte == '/';
      if (plain) {
        name += each;
      } else {
        name += {'=', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    return name;
  }

  const std::unique_ptr<Bucket> bucket_;
  const std::string prefix_;
};

}  // namespace
}  // namespace eventbus

absl::StatusOr<std::shared_ptr<StateStore>> OpenStateBucket(EventBus& bus, std::string_view bucket,
                                                            std::string_view prefix, const BucketOptions& options) {
  if (auto status = eventbus::CheckName("prefix", prefix); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Bucket>> opened = bus.Bucket(bucket, options);
  if (!opened.ok()) return opened.status();
  return std::shared_ptr<StateStore>(std::make_shared<eventbus::BucketStates>(*std::move(opened), prefix));
}

}  // namespace penstock
