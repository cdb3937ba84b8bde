#!/bin/sh
# alive.sh RUN: Alive when the store says anything at all: loading its data is no reason to begin again.
set -eu
valkey-cli -t 4 ping | grep -qE 'PONG|NOAUTH|LOADING'
