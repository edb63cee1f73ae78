#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the fuzz targets. Sourced.

# fuzz_one <target> <seconds>: what it finds on the way is kept in build/fuzz/found, and where the next run begins.
fuzz_one() {
  local target=$1 seconds=$2 found=build/fuzz/found/$1 log=build/fuzz/log/$1 verdict=clean executions
  mkdir -p "$found" build/fuzz/log build/fuzz/broken
  "build/fuzz/bin/fuzz/${target}_fuzz" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/broken/$target-" "$found" "eventbus/fuzz/corpus/$target" >"$log" 2>&1 || verdict=BROKEN
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  echo "$target ${executions:-none} $verdict $log"
  [[ $verdict == clean ]]
}
export -f fuzz_one

# run_fuzzers [--smoke] [--seconds N] [<target>...]: each target, as many at once as there are processors, and a table of
# how they went; fails when one did.
run_fuzzers() {
  local targets=() seconds=60 smoke=no failed=0
  while (($# > 0)); do
    case $1 in
      --smoke) smoke=yes ;;
      --seconds) seconds=$2 && shift ;;
      *) targets+=("$1") ;;
    esac
    shift
  done
  if ((${#targets[@]} == 0)); then mapfile -t targets < <(cd build/fuzz/bin/fuzz && printf '%s\n' *_fuzz | sed 's/_fuzz$//'); fi
  if [[ $smoke == yes ]]; then seconds=$((60 * $(nproc) / ${#targets[@]})); fi
  { echo "target executions verdict log" && printf '%s\n' "${targets[@]}" |
    xargs -P "$(nproc)" -I{} bash -c "fuzz_one {} $seconds"; } | column -t || failed=1
  return "$failed"
}
