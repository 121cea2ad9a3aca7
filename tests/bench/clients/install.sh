#!/bin/sh
# The peers that `make bench` measures beside us: the libraries that the interop tests have, as
# locked there by hash and with no script of theirs run, and the programs of this folder on them.
#
#     sh install.sh VENV
#
# Silent where all is there. What cannot be installed is only named: its rows say so. Never fails.

here=$(cd "$(dirname "$0")" && pwd)
venv=$(cd "$1" && pwd)

sh "$here/../../interop/clients/install.sh" "$venv" | sed 's/^interop:/bench:/'

go_sender() { # of the same modules: go.mod and go.sum are the interop client's
    mkdir -p "$venv/bench-go/src" &&
        cp "$here/../../interop/clients/go/go.mod" "$here/../../interop/clients/go/go.sum" \
            "$here/go/main.go" "$venv/bench-go/src" &&
        cd "$venv/bench-go/src" && GOTOOLCHAIN=local \
        go build -mod=readonly -buildvcs=false -trimpath -o "$venv/bench-go/sender" .
}

java_sender() {
    [ -d "$venv/interop-java/lib" ] && javac -encoding UTF-8 -cp "$venv/interop-java/lib/*" \
        -d "$venv/bench-java" "$here/java/Sender.java"
}

build() { # folder, how, what it is called, its source
    cmp -s "$4" "$venv/$1/installed" && return
    rm -rf "${venv:?}/$1"
    if ("$2") </dev/null >"$venv/$1.log" 2>&1 && cp "$4" "$venv/$1/installed"; then
        rm "$venv/$1.log"
    else
        rm -rf "${venv:?}/$1"
        echo "bench: not built: $3 (why: $venv/$1.log)"
    fi
}

build bench-go go_sender sideshow/apns2 "$here/go/main.go"
build bench-java java_sender pushy "$here/java/Sender.java"
exit 0
