#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Other releases' nats-server, from the Debian mirror that this machine uses. Sourced.

# Prints the URI of the mirror that apt gets Debian from.
debian_mirror() {
  # shellcheck disable=SC2016 # apt expands these
  apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

# fetch_server <suite>: unpacks that suite's nats-server below build/servers; prints its path. Fetches it once.
fetch_server() {
  local suite=$1 uri directory program
  directory=$PWD/build/servers/$suite
  program=$directory/root/usr/sbin/nats-server
  if [[ ! -x $program ]]; then
    uri=$(debian_mirror)
    if [[ -z $uri ]]; then
      echo "servers: apt knows no mirror of Debian; see apt-get indextargets" >&2
      return 1
    fi
    mkdir -p "$directory"/{lists/partial,cache/archives/partial}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" >"$directory/sources.list"
    quietly private_apt "$directory" update
    (cd "$directory" && quietly private_apt "$directory" download nats-server && dpkg-deb -x nats-server_*.deb root)
  fi
  echo "$program"
}

# private_apt <directory> <argument>...: apt-get that neither reads nor changes the machine's own lists. The mirror may be
# a snapshot of long ago.
private_apt() {
  local directory=$1
  apt-get -o Dir::Etc::sourcelist="$directory/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$directory/lists" -o Dir::Cache="$directory/cache" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false "${@:2}"
}

# run_on_servers <ctest preset> <server>...: the suites that depend on the server, and a table of how they went.
run_on_servers() {
  local preset=$1 server suite began verdict failed=0 table=() suites
  for server in "${@:2}"; do
    suites=(transport_contract_test jetstream_transport_test server_model_test take_over_tests connection_tests
      made_ahead_tests streams_made_ahead_tests account_tests dead_letter_scenario_tests event_size_tests
      pubsub_scenario_tests)
    if [[ $("$server" --version) != *v2.9.* ]]; then suites+=(tls_handshake_first_tests jetstream_quorum_test cluster_scenario_tests); fi
    for suite in "${suites[@]}"; do
      began=$SECONDS verdict=passed
      NATS_SERVER_PROGRAM=$server ROLLING_RESTARTS=${ROLLING_RESTARTS:-100} "build/$preset/bin/$suite" \
        --gtest_brief=1 || verdict=FAILED failed=1
      table+=("$("$server" --version | awk '{ print $NF }') $suite $verdict $((SECONDS - began))s")
    done
  done
  printf '%s\n' "server suite verdict time" "${table[@]}" | column -t
  return "$failed"
}
