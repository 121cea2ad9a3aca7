#!/bin/sh
# h2spec, the conformance test of HTTP/2, built by Go from exactly what go.sum names.
#
#     sh install.sh VENV
#
# v2.2.1 is the newest that the Go module proxy serves; with it come newer golang.org/x/sys and
# x/net than it asks for, whose own do not build any more. It goes into VENV/interop-h2spec, once
# for each state of go.sum. Silent where it is there. Where it cannot be built it is only named: its
# tests are skipped and say so. Never fails.

here=$(cd "$(dirname "$0")" && pwd)
venv=$1
folder=$venv/interop-h2spec

cmp -s "$here/go.sum" "$folder/installed" && exit 0
rm -rf "$folder"
mkdir -p "$folder"
built=$(cd "$folder" && pwd)/h2spec
if (cd "$here" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly \
    go build -o "$built" github.com/summerwind/h2spec/cmd/h2spec) </dev/null >"$folder.log" 2>&1 &&
    cp "$here/go.sum" "$folder/installed"; then
    rm "$folder.log"
else
    rm -rf "$folder"
    echo "interop: not installed: h2spec (why: $folder.log)"
fi
exit 0
