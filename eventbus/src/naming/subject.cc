// SPDX-License-Identifier: Apache-2.0
#include "naming/subject.h"

namespace penstock::eventbus {
namespace {

// Walks over the tokens of a subject.
class Tokens {
 public:
  explicit Tokens(std::string_view subject) : rest_(subject) {}

  bool done() const { return done_; }

  std::string_view Next() {
    const std::size_t dot = rest_.find('.');
    const std::string_view token = rest_.substr(0, dot);
    done_ = dot == std::string_view::npos;
    if (!done_) rest_.remove_prefix(dot + 1);
    return token;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace

bool SubjectMatches(std::string_view pattern, std::string_view subject) {
  return pattern == subject || (HasWildcard(pattern) && SubjectsOverlap(pattern, subject));
}

bool SubjectsOverlap(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return true;
  Tokens lefts(left);
  Tokens rights(right);
  while (!lefts.done() && !rights.done()) {
    const std::string_view a = lefts.Next();
    const std::string_view b = rights.Next();
    if (a == ">" || b == ">") return true;
    if (a != b && a != "*" && b != "*") return false;
  }
  return lefts.done() && rights.done();
}

bool SubjectCovers(std::string_view pattern, std::string_view part) {
  Tokens patterns(pattern);
  Tokens parts(part);
  while (!patterns.done() && !parts.done()) {
    const std::string_view wide = patterns.Next();
    const std::string_view narrow = parts.Next();
    if (wide == ">") return true;
    if (narrow == ">" || (wide != narrow && wide != "*")) return false;
  }
  return patterns.done() && parts.done();
}

bool HasWildcard(std::string_view pattern) {
  if (pattern.empty()) return true;
  Tokens tokens(pattern);
  while (!tokens.done()) {
    const std::string_view token = tokens.Next();
    if (token == "*" || token == ">") return true;
  }
  return false;
}

}  // namespace penstock::eventbus
