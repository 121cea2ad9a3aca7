#!/bin/sh
# A call by curl, from a plain shell: nothing is known here but the environment that
# `pushkit listen -- sh curl.sh` gives. Whom to trust curl reads from CURL_CA_BUNDLE.
set -eu

status=$(pushkit token --header | curl -q -sS --http2 --max-time 20 -o /dev/null -w '%{http_code}' \
    -H @- -H "apns-topic: $PUSHKIT_BUNDLE_ID.voip" -H 'apns-push-type: voip' \
    -H 'apns-priority: 10' -H 'apns-expiration: 0' \
    -d '{"callUUID":"6b29fc40-ca47-1067-b31d-00dd010662da","handle":"+15550100"}' \
    "$PUSHKIT_ENDPOINT/3/device/$PUSHKIT_TOKEN_VOIP")
test "$status" = 200
