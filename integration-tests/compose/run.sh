#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings the stack of deploy/ up, checks it from outside, takes it down: `./dev compose`.
# Installs and starts a Docker engine where there is none; nothing but images in build/compose is left behind.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
# shellcheck source=/dev/null
source "$root/.ci/packages.sh"
# shellcheck source=/dev/null
for part in engine images stack; do source "$here/$part.sh"; done

events=10000
stack_is_up=no

clean_up() {
  local status=$?
  trap - EXIT
  trap '' INT TERM
  if [ "$stack_is_up" = yes ]; then
    if [ "$status" != 0 ]; then show_logs >&2; fi
    down || status=1
  fi
  stop_engine
  exit "$status"
}

start_stack() {
  stack_is_up=yes
  export PROMETHEUS_PORT=0 GRAFANA_PORT=0 PENSTOCK_EVENTS="$events" PENSTOCK_RATE=500
  up nats prometheus consumer
  for service in nats prometheus consumer; do
    check "$service is healthy" healthy "$(eventually 60 healthy health "$(container_of "$service")")"
  done
  find_prometheus
}

check_rules() {
  local rules="$root/deploy/prometheus" promtool
  promtool=(docker run --rm --network none --entrypoint promtool --volume "$rules:/rules:ro"
    --volume "$here/alerts_test.yml:/test/alerts_test.yml:ro" --volume "$rules/alerts.yml:/test/alerts.yml:ro"
    "$PROMETHEUS_IMAGE")
  check "promtool check config" 0 "$(quietly "${promtool[@]}" check config /rules/prometheus.yml && echo 0)"
  check "promtool test rules" 0 "$(quietly "${promtool[@]}" test rules /test/alerts_test.yml && echo 0)"
}

# Runs the publisher to its end: twenty seconds, so that it is scraped too.
publish() {
  local publisher
  up --no-deps publisher
  publisher="$(container_of publisher)"
  check "publisher's exit code" 0 "$(timeout 120 docker wait "$publisher")"
  docker logs "$publisher" 2> /dev/null | sed 's/^/        /'
}

check_series() {
  local pool=nats_eventbus_consumer_actor_pool bus=nats_eventbus_consumer
  check "${pool}_messages_processed_total{success=\"true\"}" "$events" \
    "$(eventually 60 "$events" query "sum(${pool}_messages_processed_total{success=\"true\"})")"
  while read -r expected series; do
    check "$series" "$expected" "$(eventually 20 "$expected" query "sum($series)")"
  done <<END
$events ${pool}_messages_sent_total
0 ${pool}_messages_processed_total{success="false"}
$events ${pool}_message_latency_seconds_count
$events ${pool}_message_latency_seconds_bucket{le="+Inf"}
0 ${pool}_inbox_depth
0 ${pool}_inbox_utilization
0 ${pool}_actor_restarted_total
0 ${pool}_dead_letters_total
0 ${pool}_inbox_full_total
$events ${bus}_acked_total
0 ${bus}_lag
0 ${bus}_in_flight
1 ${bus}_connected
1 up{service="consumer"}
END
}

# Every name that an alert or the dashboard asks for is one that is scraped.
check_names() {
  local scraped name unknown=
  scraped="$(scraped_names)"
  while read -r name; do
    if ! grep -qE "^nats_eventbus_.+_$name\$" <<< "$scraped"; then unknown+=" $name"; fi
  done < <({
    grep -ohE 'nats_eventbus_\.\+_[a-z_]+' "$root/deploy/prometheus/alerts.yml" | sed 's/nats_eventbus_.+_//'
    dashboard_queries | grep -oE '[$][{]bus[}]_[a-z_]+' | sed 's/.*}_//'
  } | sort -u)
  check "names in alerts and dashboard that nobody exports" none "${unknown:-none}"
}

check_dashboard() {
  local expression refused=0
  while read -r expression; do
    query "$expression" > /dev/null || refused=$((refused + 1))
  done < <(dashboard_queries | sed 's/[$][{]bus[}]/nats_eventbus_consumer/g; s/[$]instance/.+/g; s/[$]__[a-z_]*/1m/g')
  check "queries of the dashboard that Prometheus refuses" 0 "$refused"
}

check_alerts() {
  check "alert rules loaded" "$(grep -c -e '- alert:' "$root/deploy/prometheus/alerts.yml")" \
    "$(ask_prometheus /api/v1/rules | jq '[.data.groups[].rules[]] | length')"
  check "alerts that fire" 0 \
    "$(ask_prometheus /api/v1/alerts | jq '[.data.alerts[] | select(.state == "firing")] | length')"
}

check_grafana() {
  if ! has_grafana; then echo "  left  Grafana: its image cannot be had here"; return; fi
  local url
  quietly compose --profile grafana up --detach --no-build grafana
  check "grafana is healthy" healthy "$(eventually 90 healthy health "$(container_of grafana)")"
  url="http://$(compose port grafana 3000)/api/dashboards/uid/penstock"
  check "grafana's dashboard" Penstock "$(curl -fsS --noproxy '*' "$url" | jq -r .dashboard.title)"
}

# stop_consumer <container>
stop_consumer() {
  quietly docker stop --time 40 "$1"
  check "docker stop of the consumer: exit code" 0 "$(exit_code "$1")"
}

check_drain() {
  local consumer
  consumer="$(container_of consumer)"
  stop_consumer "$consumer"
  check "events handled, by its own count" "$events" "$(last_words "$consumer" .handled)"
  check "order violations" 0 "$(last_words "$consumer" .order_violations)"
  check "duplicates" 0 "$(last_words "$consumer" .duplicates)"
}

# The consumer is stopped while events pour in and started again: its two lives handle each event once, and in order.
check_stop_under_load() {
  local consumer publisher handled rest processed
  processed='sum(nats_eventbus_consumer_actor_pool_messages_processed_total{success="true"})'
  consumer="$(container_of consumer)"
  quietly docker start "$consumer"
  compose run --rm -T --no-deps publisher --prefix late- --count "$events" --rate 500 > /dev/null 2>&1 &
  publisher=$!
  # Below the total as well: until the next scrape Prometheus tells of the life before.
  check "between a quarter and all of the events are handled" 1 \
    "$(eventually 60 1 query "($processed > bool $((events / 4))) * ($processed < bool $events)")"
  stop_consumer "$consumer"
  handled="$(last_words "$consumer" .handled)"
  rest=$((events - handled))
  check "order violations and duplicates among these $handled" "0 0" \
    "$(last_words "$consumer" '"\(.order_violations) \(.duplicates)"')"
  wait "$publisher" && publisher=0
  check "publisher's exit code, while nobody consumes" 0 "$publisher"
  quietly docker start "$consumer"
  check "events handled in the second life" "$rest" "$(eventually 60 "$rest" query "$processed")"
  stop_consumer "$consumer"
  check "by its own count" "$rest" "$(last_words "$consumer" .handled)"
  # Its first event of each order is not number 1: it counts that once for each.
  check "order violations, but for where an order was taken up, and duplicates" "0 0" \
    "$(last_words "$consumer" '"\(.order_violations - .aggregates) \(.duplicates)"')"
}

main() {
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  ensure_engine "${PENSTOCK_COMPOSE_DIR:-$root/build/compose}"
  prepare_images
  check_rules
  start_stack
  echo "$events events from one container to another"
  publish
  check_series
  check_names
  check_dashboard
  check_alerts
  check_grafana
  echo "docker stop when all is done"
  check_drain
  echo "docker stop while events pour in, and a second life"
  check_stop_under_load
  summarise
}

main "$@"
