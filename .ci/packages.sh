#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs Debian packages that are missing: `need <package>...`. Sourced.

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# quietly <command>...: shows the command's output only when it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then rm -f "$log"; else
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
}

# Servers are installed for the tests and the demo, which start their own: Debian must not run them as services.
apt_install() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
)

disable_at_boot() {
  local service
  [[ -d /run/systemd/system ]] || return 0
  for service in nats-server prometheus; do
    if [[ " $* " == *" $service "* ]]; then quietly as_root systemctl disable "$service"; fi
  done
}

missing_of() {
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort -u)
}

# need <package>...: installs those that are missing.
need() {
  local missing
  if ! command -v apt-get >/dev/null; then return 0; fi
  mapfile -t missing < <(missing_of "$@")
  if ((${#missing[@]} == 0)); then return 0; fi
  echo "installing ${missing[*]}" >&2
  quietly as_root apt-get -o DPkg::Lock::Timeout=300 update || echo "apt-get update failed; trying with the lists at hand" >&2
  quietly apt_install "${missing[@]}"
  disable_at_boot "${missing[@]}"
}
