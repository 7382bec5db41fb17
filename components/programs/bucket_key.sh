#!/bin/sh
# Gives a key rights on a SeaweedFS bucket, which it makes where there is none; `--undo` takes the key away.
# MASTER and FILER are host:port; HOLDER names user and access key; SECRET_KEY, BUCKET; ACTIONS as SeaweedFS writes
# them (Read:bucket/prefix*,...). WEED_JWT_FILER_SIGNING_KEY proves that we may.
set -eu
if [ "${1:-}" = --undo ]; then
    set -- "s3.configure -user=$HOLDER -delete -apply"
else
    set -- "s3.bucket.create -name=$BUCKET" \
        "s3.configure -user=$HOLDER -access_key=$HOLDER -secret_key=$SECRET_KEY -actions=$ACTIONS -apply"
fi
# The commands go in by standard input, which no process list shows; the answer repeats the secret.
answer=$(printf '%s\n' "$@" | weed shell -master="$MASTER" -filer="$FILER" 2>&1 | sed '/"secretKey"/d')
echo "$answer"
# The shell ends well even where a command failed.
if echo "$answer" | grep '^error:' | grep -qv 'already exists'; then
    exit 1
fi
