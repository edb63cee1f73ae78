#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh <build directory> [--server PATH] [--events N] [--faults F] [--seed S]: the same run on a cluster with Penstock,
# with nats.go and with pcgroups, and their findings side by side.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

build=$(realpath "$1")
shift
server=nats-server events=50000 faults=10 seed=7
while (($# > 0)); do
  case $1 in
    --server) server=$2 ;;
    --events) events=$2 ;;
    --faults) faults=$2 ;;
    --seed) seed=$2 ;;
    *)
      echo "peers: no option \"$1\"; there are --server, --events, --faults, --seed" >&2
      exit 2
      ;;
  esac
  shift 2
done

# older <version> <version>
older() {
  [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | head -n1) == "$1" ]]
}

go_version=$(go env GOVERSION 2>/dev/null || true)
if [[ -z $go_version ]] || older "${go_version#go}" 1.24; then
  echo "peers: needs go 1.24 or newer on PATH${go_version:+, found $go_version}" >&2
  exit 1
fi
out=$build/peers/chaos
mkdir -p "$out"
go build -o "$out/" ./...

# run <name> <option>...: findings make it exit with 1, and are what is looked for.
run() {
  local code=0
  echo "== $1" >&2
  "$build/bin/penstock-chaos" --nodes 3 --server "$server" --events "$events" --faults "$faults" --seed "$seed" --json \
    "${@:2}" >"$out/$1.json" || code=$?
  if ((code > 1)); then exit "$code"; fi
}

run penstock
run nats.go --consumer "$out/nats_go_consumer"
pcgroups=$out/pcgroups.json
version=$("$server" --version)
if older "${version##*v}" 2.11; then
  pcgroups="it requires nats-server 2.11 or newer"
else
  run pcgroups --publisher "$out/keyed_publisher" --consumer "$out/pcgroups_consumer" --durable chaos-all
fi
"$out/compare" "Penstock=$out/penstock.json" "nats.go=$out/nats.go.json" "pcgroups=$pcgroups"
