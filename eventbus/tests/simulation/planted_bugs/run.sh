#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh <folder of programs> [simulate's options]: runs the simulation with each planted bug until it is caught, and prints a
# table. Fails when one is not.
set -euo pipefail

programs=$1
bugs=$(dirname "${BASH_SOURCE[0]}")
shift
missed=0

echo "| planted bug | what it does | caught by | at seed |"
echo "| --- | --- | --- | --- |"
for bug in "$bugs"/*.bug; do
  name=$(basename "$bug" .bug)
  what=$(sed -n '1s/^# //p' "$bug")
  # A bug may also crash the program, or run into one of its assertions: caught as well.
  status=0
  output=$("$programs/planted_$name" "$@" 2>&1) || status=$?
  caught=$(sed -nE 's/^caught by "(.*)" with seed number ([0-9]+)$/\1 | \2/p' <<<"$output")
  if [[ -z $caught && $status -gt 1 ]]; then caught="a crash (status $status) | -"; fi
  if [[ -z $caught ]]; then
    caught="**nothing** | -"
    missed=1
  fi
  echo "| \`$name\` | $what | $caught |"
done
exit "$missed"
