// SPDX-License-Identifier: Apache-2.0
#include "envelope/json_walk.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace penstock::eventbus {
namespace {

/// Reads through a pointer that it shares with its copies, so that the walker sees how far the parser has come.
class SharedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  explicit SharedIterator(const char** at) : at_(at) {}
  reference operator*() const { return **at_; }
  SharedIterator& operator++() {
    ++*at_;
    return *this;
  }
  friend bool operator==(const SharedIterator& a, const SharedIterator& b) { return *a.at_ == *b.at_; }
  friend bool operator!=(const SharedIterator& a, const SharedIterator& b) { return !(a == b); }

 private:
  const char** at_;
};

enum class Ending { kComplete, kStopped, kSyntax, kTooDeep, kNoObject };

/// Follows the parser's events and cuts the top-level members out of the text. With a null visitor only depth is
/// watched.
class Walker final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Walker(std::string_view text, int max_depth, const MemberVisitor& visit)
      : at_(text.data()), end_(text.data() + text.size()), max_depth_(max_depth), visit_(visit) {}

  Ending Walk() {
    nlohmann::json::sax_parse(SharedIterator(&at_), SharedIterator(&end_), this);
    return ending_;
  }

  bool null() override { return Value(at_); }
  bool boolean(bool) override { return Value(at_); }
  bool number_integer(std::int64_t) override { return Value(NumberEnd()); }
  bool number_unsigned(std::uint64_t) override { return Value(NumberEnd()); }
  bool number_float(double, const std::string&) override { return Value(NumberEnd()); }
  bool string(std::string&) override { return Value(at_); }
  bool binary(nlohmann::json::binary_t&) override { return Stop(Ending::kSyntax); }

  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return depth_ == 0 && visit_ ? Stop(Ending::kNoObject) : Open(); }
  bool end_array() override { return Close(); }

  bool key(std::string& key) override {
    if (depth_ != 1) return true;
    key_ = std::move(key);
    key_end_ = at_;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return Stop(Ending::kSyntax);
  }

 private:
  bool Stop(Ending ending) {
    ending_ = ending;
    return false;
  }

  // The parser knows a number's end by the character behind it, which it has taken too, if there is one.
  const char* NumberEnd() const { return at_ == end_ && absl::ascii_isdigit(at_[-1]) ? at_ : at_ - 1; }

  bool Open() { return ++depth_ <= max_depth_ || Stop(Ending::kTooDeep); }

  bool Close() {
    --depth_;
    return depth_ == 0 || Value(at_);
  }

  bool Value(const char* value_end) {
    if (!visit_ || depth_ > 1) return true;
    if (depth_ == 0) return Stop(Ending::kNoObject);
    std::string_view value(key_end_, static_cast<std::size_t>(value_end - key_end_));
    value.remove_prefix(value.find(':') + 1);
    value.remove_prefix(value.find_first_not_of(kJsonSpace));
    return visit_(key_, value) || Stop(Ending::kStopped);
  }

  const char* at_;
  const char* end_;
  const int max_depth_;
  const MemberVisitor& visit_;
  int depth_ = 0;
  std::string key_;
  const char* key_end_ = nullptr;
  Ending ending_ = Ending::kComplete;
};

absl::Status Walk(std::string_view text, int max_depth, const MemberVisitor& visit) {
  // The parser skips a byte order mark and takes a NUL for the end.
  const bool plain = text.find('\0') == std::string_view::npos && !text.starts_with("\xEF\xBB\xBF");
  const Ending ending = plain ? Walker(text, max_depth, visit).Walk() : Ending::kSyntax;
  if (ending == Ending::kSyntax) return absl::InvalidArgumentError("is no JSON document");
  if (ending == Ending::kNoObject) return absl::InvalidArgumentError("is no JSON object");
  if (ending != Ending::kTooDeep) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("is nested deeper than ", max_depth, " levels"));
}

}  // namespace

absl::Status CheckJson(std::string_view text, int max_depth) { return Walk(text, max_depth, nullptr); }

absl::Status ForEachMember(std::string_view text, const MemberVisitor& visit) {
  return Walk(text, kMaxJsonDepth, visit);
}

}  // namespace penstock::eventbus
