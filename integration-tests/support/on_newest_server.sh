#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# on_newest_server.sh <program> <argument>...: runs a test on the newest nats-server, which `./dev test` has fetched;
# @SERVER@ in an argument becomes its path. Exits with 77, which ctest counts as skipped, where there is none.
set -euo pipefail
if [[ -z ${NEWEST_NATS_SERVER:-} ]]; then
  echo "NEWEST_NATS_SERVER names no nats-server; ./dev test fetches one"
  exit 77
fi
NATS_SERVER_PROGRAM=$NEWEST_NATS_SERVER exec "${@//@SERVER@/$NEWEST_NATS_SERVER}"
