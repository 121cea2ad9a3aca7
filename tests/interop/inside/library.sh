#!/bin/sh
# A call by a client library, from a plain shell: nothing is known here but the environment that
# `pushkit listen -- sh library.sh CLIENT...` gives. How a client is spoken to is in
# ../clients/table.py.
set -eu

answer=$(printf '{"credential":{"key_id":"%s","bearer":null},"pushes":[{%s,%s,%s}]}\n' \
    "$PUSHKIT_KEY_ID" "\"type\":\"voip\",\"topic\":\"$PUSHKIT_BUNDLE_ID.voip\"" \
    "\"token\":\"$PUSHKIT_TOKEN_VOIP\",\"priority\":10" \
    '"payload":{"callUUID":"6b29fc40-ca47-1067-b31d-00dd010662da"}' | "$@")
case $(printf %s "$answer" | tr -d ' ') in
*'"status":200'*) ;;
*) echo "$answer" >&2 && exit 1 ;;
esac
