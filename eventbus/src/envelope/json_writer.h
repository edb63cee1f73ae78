// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::eventbus {

/// Writes one flat JSON object, member by member. Texts must be UTF-8.
class JsonWriter {
 public:
  /// Puts the object behind what `out` has.
  explicit JsonWriter(std::string& out) : out_(out) { out_ += '{'; }

  void Text(std::string_view key, std::string_view value);
  void TextUnlessEmpty(std::string_view key, std::string_view value);
  void Number(std::string_view key, std::int64_t value);
  /// `json` must be a JSON document.
  void Raw(std::string_view key, std::string_view json);
  void Finish() { out_ += '}'; }

 private:
  void Key(std::string_view key);
  void Quote(std::string_view text);

  std::string& out_;
  bool first_ = true;
};

}  // namespace penstock::eventbus
