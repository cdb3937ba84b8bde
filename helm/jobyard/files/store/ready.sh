#!/bin/sh
# Ready when the store answers; while it loads its data it does not.
set -eu
VALKEYCLI_AUTH="$(cat /run/valkey/local-password)"
export VALKEYCLI_AUTH
[ "$(valkey-cli -t 2 --user local ping)" = PONG ]
