#!/bin/sh
# start.sh CONFIG SECRET RUN [OPTION…]: starts the store with the users of CONFIG/users.txt and the passwords
# in SECRET, and loads them again when they change. RUN is a directory that is gone with the pod.
set -eu

config=$1 secret=$2 run=$3
shift 3
users=$run/users.acl

write_users() {
    # Nobody can come as it, for it is off. What it may do is what a transaction may that the server reads
    # back from its own append-only file at the start: without this, all of them would be left out.
    echo "user default off resetpass ~* &* +@all" >"$users.new"
    while read -r name rights; do
        hash="$(tr -d '\r\n' <"$secret/$name-password" | sha256sum | cut -d ' ' -f 1)"
        echo "user $name on #$hash resetkeys resetchannels -@all $rights" >>"$users.new"
    done <"$config/users.txt"
    # As whom this script and the probes come.
    echo "user local on #$local_hash -@all +ping +acl|load +info" >>"$users.new"
    mv "$users.new" "$users"
}

fingerprint() { cat "$secret"/*-password | sha256sum; }

reload_when_changed() {
    while sleep "${RELOAD_SECONDS:-5}"; do
        now="$(fingerprint)"
        [ "$now" = "$loaded" ] && continue
        write_users
        REDISCLI_AUTH="$local_password" valkey-cli --user local ACL LOAD && loaded="$now" || true
    done
}

umask 077
local_password="$(head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1)"
local_hash="$(printf %s "$local_password" | sha256sum | cut -d ' ' -f 1)"
printf %s "$local_password" >"$run/local-password"
loaded="$(fingerprint)"
write_users
reload_when_changed &
exec valkey-server "$config/valkey.conf" --aclfile "$users" "$@"
