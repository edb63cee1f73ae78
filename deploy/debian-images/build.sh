#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes, from Debian packages alone and without any image registry, the images that deploy/compose.yaml needs:
#   penstock/debian:bookworm   penstock/nats-server:debian   penstock/prometheus:debian
# Needs a running engine, debootstrap and root (or sudo). Mirror and proxy are the ones this machine's own apt uses.
set -euo pipefail

here="$(cd "$(dirname "$0")" && pwd)"
base=penstock/debian:bookworm
docker="${DOCKER:-docker}"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -E "$@"; fi; }

apt_proxy() {
  local proxy=
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  echo "${proxy:-${http_proxy:-}}"
}

# Where this machine's apt gets Debian from; debootstrap's own choice when it does not know.
debian_mirror() {
  # shellcheck disable=SC2016  # apt's own variable
  apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' 2>/dev/null \
    | grep -m 1 '/debian/\?$' || true
}

import_base() {
  local root proxy
  root="$(mktemp -d)"
  proxy="$(apt_proxy)"
  # shellcheck disable=SC2064  # the folder's name as it is now
  trap "as_root rm -rf '$root'" EXIT
  # shellcheck disable=SC2046  # no mirror, no argument
  http_proxy="$proxy" as_root debootstrap --variant=minbase bookworm "$root" $(debian_mirror) > "$root.log" 2>&1 \
    || { cat "$root.log" >&2; rm -f "$root.log"; return 1; }
  rm -f "$root.log"
  as_root rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
  as_root tar -C "$root" -c . | $docker import --change 'CMD ["bash"]' - "$base" > /dev/null
}

build() {
  $docker build --quiet --network host --build-arg "BASE_IMAGE=$base" --build-arg "http_proxy=$(apt_proxy)" \
    --target "$1" --tag "$2" "$here" > /dev/null
}

$docker image inspect "$base" > /dev/null 2>&1 || import_base
build nats penstock/nats-server:debian
build prometheus penstock/prometheus:debian
