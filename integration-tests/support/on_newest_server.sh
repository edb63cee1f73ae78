#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# on_newest_server.sh <program> <argument>...: runs a test on the newest nats-server, which `./dev test` has fetched;
# @SERVER@ in an argument becomes its path. Exits with 77, which ctest counts as skipped, where there is none.
set -euo pipefail
if [[ -z ${PENSTOCK_NEWEST_SERVER:-} ]]; then
  echo "PENSTOCK_NEWEST_SERVER names no nats-server; ./dev test fetches one"
  exit 77
fi
NATS_SERVER_PROGRAM=$PENSTOCK_NEWEST_SERVER exec "${@//@SERVER@/$PENSTOCK_NEWEST_SERVER}"
