#!/bin/sh
# ready.sh RUN: Ready when the store answers; while it loads its data it does not.
set -eu
REDISCLI_AUTH="$(cat "$1/local-password")"
export REDISCLI_AUTH
[ "$(valkey-cli -t 2 --user local ping)" = PONG ]
