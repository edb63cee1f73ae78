#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stack of deploy/compose.yaml and questions to it from outside. Sourced by run.sh.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
project="penstock-test-$$"
passed=0
failed=0
prometheus=

compose() {
  local command=(docker-compose)
  if docker compose version > /dev/null 2>&1; then command=(docker compose); fi
  "${command[@]}" --project-name "$project" --file "$root/deploy/compose.yaml" "$@"
}

# up <service>...
up() { quietly compose up --detach --no-build "$@"; }

container_of() { compose ps --all --quiet "$1"; }

down() { quietly compose --profile grafana down --volumes --remove-orphans --timeout 40; }

# check <what> <expected> <actual>
check() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    echo "  ok    $1: $3"
  else
    failed=$((failed + 1))
    echo "  FAIL  $1: expected $2, got ${3:-nothing}"
  fi
}

# Prints the totals; false when a check failed.
summarise() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

# eventually <seconds> <expected> <command>...: repeats the command until it prints that; prints its last answer.
eventually() {
  local deadline=$((SECONDS + $1)) expected=$2 answer
  while true; do
    answer="$("${@:3}" 2> /dev/null)" || true
    if [ "$answer" = "$expected" ] || [ "$SECONDS" -ge "$deadline" ]; then break; fi
    sleep 0.5
  done
  echo "$answer"
}

health() { docker inspect --format '{{.State.Health.Status}}' "$1"; }

exit_code() { docker inspect --format '{{.State.ExitCode}}' "$1"; }

find_prometheus() { prometheus="$(compose port prometheus 9090)"; }

# ask_prometheus <path> [<curl option>...]
ask_prometheus() { curl --silent --show-error --fail --noproxy '*' --max-time 10 "${@:2}" "http://$prometheus$1"; }

# query <PromQL>: the value of the first series of the answer.
query() {
  ask_prometheus /api/v1/query --get --data-urlencode "query=$1" | jq -r '.data.result[0].value[1] // "no series"'
}

# scraped_names: every metric name that Prometheus has ever seen.
scraped_names() { ask_prometheus /api/v1/label/__name__/values | jq -r '.data[]'; }

# last_words <container> <jq filter>: of the line of JSON that the consumer prints when it ends.
last_words() { docker logs "$1" 2> /dev/null | grep '^{' | tail -n 1 | jq -r "$2"; }

# dashboard_queries: the PromQL of every panel.
dashboard_queries() { jq -r '.panels[].targets[]?.expr' "$root/deploy/grafana/dashboards/penstock.json"; }

show_logs() { compose logs --no-color --tail 60 2>&1 || true; }
