#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Docker engine for the length of one run: the one that is there, or one of our own. Sourced by run.sh.

engine_pid=
engine_dir=

sudo=()
if [ "$(id -u)" != 0 ]; then sudo=(sudo -E); fi

has_compose() { docker compose version > /dev/null 2>&1 || command -v docker-compose > /dev/null; }

# Prints the Debian packages of missing programs. An engine that answers is taken as it is, wherever it came from.
missing_packages() {
  command -v curl > /dev/null || echo curl
  command -v jq > /dev/null || echo jq
  command -v debootstrap > /dev/null || echo debootstrap
  has_compose || echo docker-compose
  if ! docker info > /dev/null 2>&1 && ! command -v dockerd > /dev/null; then echo docker.io iptables; fi
  # A package of its own since Debian 13.
  if ! command -v docker > /dev/null && apt-cache show docker-cli > /dev/null 2>&1; then echo docker-cli; fi
}

install_what_is_missing() {
  local packages
  mapfile -t packages < <(missing_packages | tr ' ' '\n')
  if [ "${#packages[@]}" -gt 0 ]; then need "${packages[@]}"; fi
}

# Our own dockerd lives in a mount namespace of its own, does not route, and dies with this script. Images stay in $1
# for the next run; the rest is temporary, and the firewall is put back as it was.
start_engine() {
  engine_dir="$(mktemp -d -t penstock-engine.XXXXXX)"
  export DOCKER_HOST="unix://$engine_dir/docker.sock"
  mkdir -p "$1"
  as_root iptables-save > "$engine_dir/firewall" 2> /dev/null
  # No function of ours in between: the process in the background is to be dockerd itself.
  "${sudo[@]}" unshare --mount setsid setpriv --pdeathsig TERM dockerd \
    --data-root "$1/docker" --pidfile "$1/dockerd.pid" --exec-root "$engine_dir/exec" --host "$DOCKER_HOST" \
    --group "$(id -gn)" --bridge none --ip-forward=false --ip6tables=false > "$engine_dir/log" 2>&1 &
  engine_pid=$!
  local deadline=$((SECONDS + 60))
  until docker info > /dev/null 2>&1; do
    if ! kill -0 "$engine_pid" 2> /dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      tail -n 20 "$engine_dir/log" >&2
      echo "start a Docker engine: dockerd did not answer within 60s; its last words are above" >&2
      return 1
    fi
    sleep 0.2
  done
}

stop_engine() {
  if [ -n "$engine_pid" ]; then
    as_root kill "$engine_pid" 2> /dev/null || true
    wait "$engine_pid" 2> /dev/null || true
  fi
  if [ -n "$engine_dir" ]; then
    as_root iptables-restore < "$engine_dir/firewall"
    as_root rm -rf "$engine_dir"
  fi
}

# ensure_engine <folder for an engine of our own>
ensure_engine() {
  install_what_is_missing
  if docker info > /dev/null 2>&1; then echo "using the Docker engine that runs here"; return; fi
  start_engine "$1"
  echo "started a Docker engine of our own ($(docker info --format '{{.ServerVersion}}, {{.Driver}}' 2> /dev/null))"
}
