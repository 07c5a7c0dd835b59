#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# provide.sh FOLDER: servers that no Debian package has (or an old one), each only where the tool
# that fetches it is installed. What cannot be had is left out; the bench says so.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
folder=$(readlink -f "$1")

nats() {
    [ ! -x "$folder/nats-server" ] || return 0
    command -v go >/dev/null || return 0
    echo "fetching and building nats-server into $folder" >&2
    GOBIN=$folder go install github.com/nats-io/nats-server/v2@v2.15.3 2>"$folder/nats.log"
}

kafka() {
    [ ! -d "$folder/kafka" ] || return 0
    command -v mvn >/dev/null || return 0
    echo "fetching Kafka into $folder/kafka" >&2
    mvn -q -B -f "$here/kafka.xml" dependency:copy-dependencies \
        -DoutputDirectory="$folder/kafka.part" >"$folder/kafka.log" 2>&1 &&
        mv "$folder/kafka.part" "$folder/kafka"
}

nats || echo "nats-server cannot be had: $folder/nats.log" >&2
kafka || echo "Kafka cannot be had: $folder/kafka.log" >&2
