#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over what has changed since it last found nothing, as ccache does for the compiler. Sourced; build/dev is built.

# tidy_keys: a line "<key> <source>" for each source that build/dev compiles. The key is a digest of all that clang-tidy
# would read: the source and every header, as ninja knows them, the flags, the checks and its version.
tidy_keys() (
  local tool root=$PWD
  tool=$(clang-tidy-14 --version && cat .clang-tidy)
  cd build/dev || return
  # Where ccache knows an object, its paths begin at build/dev. It may also name a header that another tree has and this
  # one does not: what it compiled was the same.
  ninja -t deps | sed "s|^    \.\./\.\./|    $root/|" >tidy-deps
  sed -n 's/^    //p' tidy-deps | sort -u | while IFS= read -r header; do
    [[ ! -e $header ]] || printf '%s\n' "$header"
  done | xargs -d '\n' sha256sum >tidy-digests
  sed -nE 's/^ *"(command|file)": "(.*)",?$/\2/p' compile_commands.json | paste -d '\t' - - >tidy-commands
  awk -F '\t' '
    FILENAME == "tidy-digests" { digest[substr($0, 67)] = substr($0, 1, 64); next }
    FILENAME == "tidy-deps" {
      if (/^[^ ]/) { source = "" } else if (/^    /) {
        file = substr($0, 5)
        if (source == "") source = file
        read[source] = read[source] digest[file]
      }
      next
    }
    $2 in read && !told[$2]++ { print $2 "\t" $1 read[$2] }' tidy-digests tidy-deps tidy-commands |
    while IFS=$'\t' read -r source read; do
      printf '%s %s\n' "$(sha256sum <<<"$tool${read//"$root"/.}" | cut -c 1-64)" "${source#"$root"/}"
    done
)

# tidy_one <folder> <key> <source>: leaves a mark in the folder when there is nothing to find.
tidy_one() {
  local output
  if [[ -e $1/$2 ]]; then
    touch "$1/$2"
  elif output=$(clang-tidy-14 -p build/dev --quiet "$3" 2>&1); then
    touch "$1/$2"
  else
    printf '%s\n' "$output"
    return 1
  fi
}
export -f tidy_one

# tidy <source>...: those of them that build/dev compiles.
tidy() {
  local found_nothing=${XDG_CACHE_HOME:-$HOME/.cache}/penstock-tidy
  mkdir -p "$found_nothing"
  find "$found_nothing" -type f -mtime +30 -delete
  tidy_keys | awk 'NR == FNR { wanted[$0] = 1; next } $2 in wanted' <(printf '%s\n' "$@") - |
    xargs -P "$(nproc)" -L 1 bash -c 'tidy_one "$@"' tidy_one "$found_nothing"
}
