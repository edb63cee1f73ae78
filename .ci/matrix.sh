#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tests on several releases of Debian, each in a root of its own below build/matrix, which is kept. Sourced.

# contained <command>...: as root, in mount and process namespaces of its own. What the command mounts is undone and
# what it starts is ended when it ends, and when this shell does.
contained() {
  as_root setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc -- "$@"
}

# make_root <suite>: installs the least of that release, once; prints where.
make_root() {
  local suite=$1 uri root=$PWD/build/matrix/$1
  if [[ ! -d $root ]]; then
    uri=$(debian_mirror)
    if [[ -z $uri ]]; then
      echo "matrix: apt knows no mirror of Debian; see apt-get indextargets" >&2
      return 1
    fi
    mkdir -p build/matrix
    contained rm -rf --one-file-system "$root.part" # of a try that was broken off
    echo "matrix: installing $suite" >&2
    quietly contained debootstrap --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
      "$suite" "$root.part" "$uri"
    # A mirror may be a snapshot of long ago.
    echo 'Acquire::Check-Valid-Until "false";' | as_root tee "$root.part/etc/apt/apt.conf.d/90snapshot" >/dev/null
    as_root mv "$root.part" "$root"
  fi
  echo "$root"
}

# test_on <suite> <ctest argument>...: what `./dev test` does, in that release.
test_on() {
  local root
  root=$(make_root "$1") || return
  contained "$PWD/.ci/in-root" "$root" ./dev test "${@:2}"
}

# run_matrix <suite>...: a table of how the releases went; fails when one did.
run_matrix() {
  local suite began verdict failed=0 table=()
  for suite in "$@"; do
    began=$SECONDS verdict=passed
    test_on "$suite" -L 'unit|contract|scenario' || verdict=FAILED failed=1
    table+=("$suite $verdict $((SECONDS - began))s")
  done
  printf '%s\n' "release verdict time" "${table[@]}" | column -t
  return "$failed"
}
