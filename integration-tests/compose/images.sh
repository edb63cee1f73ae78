#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The images of deploy/compose.yaml: official ones where a registry can be reached, else built from Debian packages.
# Sourced by run.sh; NATS_IMAGE, PROMETHEUS_IMAGE, GRAFANA_IMAGE and PENSTOCK_IMAGE in the environment win.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
registry_reached=
with_grafana=no

# have_image <image>: here, or fetched. One refusal by the registry is enough: it is not asked again.
have_image() {
  if docker image inspect "$1" > /dev/null 2>&1; then return 0; fi
  if [ "$registry_reached" = no ]; then return 1; fi
  if timeout 300 docker pull -q "$1" > /dev/null 2>&1; then registry_reached=yes; return 0; fi
  registry_reached=no
  return 1
}

# default_image <variable>: the default that compose.yaml gives it.
default_image() { sed -nE "s/.*\\\$\\{$1:-([^}]*)\\}.*/\\1/p" "$root/deploy/compose.yaml" | head -n 1; }

choose_servers() {
  local nats prometheus
  nats="${NATS_IMAGE:-$(default_image NATS_IMAGE)}"
  prometheus="${PROMETHEUS_IMAGE:-$(default_image PROMETHEUS_IMAGE)}"
  base_image=debian:bookworm-slim
  if ! { have_image "$base_image" && have_image "$nats" && have_image "$prometheus"; }; then
    quietly "$root/deploy/debian-images/build.sh"
    base_image=penstock/debian:bookworm
    nats="${NATS_IMAGE:-penstock/nats-server:debian}"
    prometheus="${PROMETHEUS_IMAGE:-penstock/prometheus:debian}"
  fi
  export NATS_IMAGE="$nats" PROMETHEUS_IMAGE="$prometheus"
}

choose_grafana() {
  GRAFANA_IMAGE="${GRAFANA_IMAGE:-$(default_image GRAFANA_IMAGE)}"
  export GRAFANA_IMAGE
  if have_image "$GRAFANA_IMAGE"; then with_grafana=yes; fi
}

has_grafana() { [ "$with_grafana" = yes ]; }

build_examples() {
  if [ -n "${PENSTOCK_IMAGE:-}" ]; then return; fi
  export PENSTOCK_IMAGE=penstock-examples
  local proxy=
  eval "$(apt-config shell proxy Acquire::http::Proxy 2> /dev/null || true)"
  quietly docker build --network host --file "$root/deploy/Dockerfile" --tag "$PENSTOCK_IMAGE" \
    --build-arg "BUILD_IMAGE=$base_image" --build-arg "RUN_IMAGE=$base_image" \
    --build-arg "http_proxy=${proxy:-${http_proxy:-}}" "$root"
}

prepare_images() {
  choose_servers
  choose_grafana
  build_examples
  echo "images: $NATS_IMAGE, $PROMETHEUS_IMAGE, $PENSTOCK_IMAGE"
  if ! has_grafana; then echo "Grafana is left out: its image $GRAFANA_IMAGE cannot be had here"; fi
}
