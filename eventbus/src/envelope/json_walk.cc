// SPDX-License-Identifier: Apache-2.0
#include "envelope/json_walk.h"

#include <algorithm>
#include <bitset>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envelope/json_text.h"
#include "naming/characters.h"

namespace penstock::eventbus {
namespace {

enum class Ending { kComplete, kStopped, kSyntax, kTooDeep, kNoObject };

/// Checks the grammar of a text (RFC 8259), value by value, and cuts the members of the outermost object out of it.
/// Without a visitor it only checks.
class Walker {
 public:
  Walker(std::string_view text, int max_depth, const MemberVisitor& visit)
      : rest_(text), max_depth_(static_cast<std::size_t>(std::min(max_depth, kMaxJsonDepth))), visit_(visit) {}

  Ending Walk() {
    SkipSpace();
    if (visit_ && !rest_.starts_with('{')) return Ending::kNoObject;
    while (TakeValue() && !done()) {
    }
    SkipSpace();
    if (ending_ == Ending::kComplete && !rest_.empty()) ending_ = Ending::kSyntax;
    return ending_;
  }

 private:
  bool done() const { return depth_ == 0; }
  bool in_object() const { return objects_[depth_]; }

  bool Stop(Ending ending) {
    ending_ = ending;
    return false;
  }

  // Takes the beginning of a container, or a value, its end and the ends of all that end with it. False when the text
  // is broken, or the visitor stops.
  bool TakeValue() {
    SkipSpace();
    if (depth_ == 1) value_ = rest_;
    if (rest_.starts_with('{') || rest_.starts_with('[')) {
      if (!Open()) return false;
      if (!Take(closer())) return !in_object() || TakeKey();
      --depth_;
    } else if (!TakeScalar()) {
      return Stop(Ending::kSyntax);
    }
    return EndValue();
  }

  bool EndValue() {
    while (TellMember() && !done()) {
      SkipSpace();
      if (Take(',')) return !in_object() || TakeKey();
      if (!Take(closer())) return Stop(Ending::kSyntax);
      --depth_;
    }
    return ending_ == Ending::kComplete;
  }

  bool TellMember() {
    if (depth_ != 1 || !visit_) return true;
    return visit_(key_, value_.substr(0, value_.size() - rest_.size())) || Stop(Ending::kStopped);
  }

  bool Open() {
    if (depth_ == max_depth_) return Stop(Ending::kTooDeep);
    objects_[++depth_] = rest_.front() == '{';
    rest_.remove_prefix(1);
    SkipSpace();
    return true;
  }

  char closer() const { return in_object() ? '}' : ']'; }

  bool TakeKey() {
    SkipSpace();
    const std::string_view before = rest_;
    if (!TakeString()) return Stop(Ending::kSyntax);
    if (depth_ == 1 && visit_) key_ = DecodeJsonText(before.substr(0, before.size() - rest_.size())).text;
    SkipSpace();
    return Take(':') || Stop(Ending::kSyntax);
  }

  bool TakeScalar() {
    if (rest_.starts_with('"')) return TakeString();
    return Take("null") || Take("true") || Take("false") || TakeNumber();
  }

  bool TakeString() {
    if (!Take('"')) return false;
    while (true) {
      const auto* const special = std::ranges::find_if(
          rest_, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' '; });
      const auto plain = static_cast<std::size_t>(special - rest_.begin());
      if (!IsUtf8(rest_.substr(0, plain))) return false;
      rest_.remove_prefix(plain);
      if (Take('"')) return true;
      if (!TakeEscape()) return false;
    }
  }

  // Which code points \u names does not matter here: half a surrogate pair is JSON too.
  bool TakeEscape() {
    if (!Take('\\') || rest_.empty()) return false;
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
    const std::string_view digits = rest_.substr(0, 4);
    if (digits.size() < 4 || !std::ranges::all_of(digits, absl::ascii_isxdigit)) return false;
    rest_.remove_prefix(4);
    return true;
  }

  // Of any size: only numbers that are used have to fit something.
  bool TakeNumber() {
    Take('-');
    if (!Take('0') && !TakeDigits()) return false;
    if (Take('.') && !TakeDigits()) return false;
    if (!Take('e') && !Take('E')) return true;
    if (!Take('+')) Take('-');
    return TakeDigits();
  }

  bool TakeDigits() {
    const auto* const end = std::ranges::find_if_not(rest_, absl::ascii_isdigit);
    const auto count = static_cast<std::size_t>(end - rest_.begin());
    rest_.remove_prefix(count);
    return count > 0;
  }

  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kJsonSpace), rest_.size())); }

  bool Take(char c) { return Take(std::string_view(&c, 1)); }
  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::string_view rest_;  // what is to be looked at
  const std::size_t max_depth_;
  const MemberVisitor& visit_;
  std::size_t depth_ = 0;
  std::bitset<kMaxJsonDepth + 1> objects_{};  // by depth: an object, or else an array
  std::string key_{};
  std::string_view value_{};  // of `key_`, and all behind it
  Ending ending_ = Ending::kComplete;
};

absl::Status Walk(std::string_view text, int max_depth, const MemberVisitor& visit) {
  const Ending ending = Walker(text, max_depth, visit).Walk();
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
