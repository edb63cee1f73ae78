// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over files, or over those of directories: `frame_reader_fuzz <file or directory>...`.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz_target.h"

namespace {

using std::filesystem::path;

std::vector<path> FilesBelow(const path& start) {
  if (!std::filesystem::is_directory(start)) return {start};
  std::vector<path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(start)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

bool Replay(const path& file) {
  std::ifstream stream(file, std::ios::binary);
  // Of the exact size, so that the address sanitizer sees one byte too many.
  const std::vector<char> input{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) {
    std::fprintf(stderr, "cannot read \"%s\"\n", file.c_str());
    return false;
  }
  std::fprintf(stderr, "%s\n", file.filename().c_str());  // the last one named is the one that fails
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t replayed = 0;
  for (int i = 1; i < count; ++i) {
    for (const path& file : FilesBelow(arguments[i])) {
      if (!Replay(file)) return 1;
      ++replayed;
    }
  }
  std::fprintf(stderr, "%zu inputs replayed\n", replayed);
  return replayed > 0 ? 0 : 1;
}
