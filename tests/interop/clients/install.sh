#!/bin/sh
# The libraries that the interop tests drive: exactly those of requirements.txt and
# package-lock.json, checked by their hashes, without running any script of theirs.
#
#     sh install.sh VENV
#
# They go into VENV/interop-py and VENV/interop-js, once for each state of those two files. Silent
# where all is there. What cannot be installed is only named: its tests are skipped and say so.
# Never fails.

here=$(dirname "$0")
venv=$1

# The last thing put into a folder is a copy of what it was installed from.
installed() {
    cmp -s "$here/$2" "$venv/$1/installed"
}

python_libraries() {
    "$venv/bin/python" -m venv --without-pip "$venv/interop-py" &&
        "$venv/bin/python" -m pip --python "$venv/interop-py/bin/python" \
            --disable-pip-version-check --retries 1 --timeout 20 \
            install --require-hashes --only-binary :all: -r "$here/requirements.txt"
}

node_libraries() {
    mkdir "$venv/interop-js" &&
        cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$venv/interop-js" &&
        (cd "$venv/interop-js" && npm ci --ignore-scripts --fetch-retries=1 --fetch-timeout=20000)
}

install() { # folder, what it is installed from, how, and what it is called
    installed "$1" "$2" && return
    rm -rf "${venv:?}/$1"
    if "$3" </dev/null >"$venv/$1.log" 2>&1 && cp "$here/$2" "$venv/$1/installed"; then
        rm "$venv/$1.log"
    else
        rm -rf "${venv:?}/$1"
        echo "interop: not installed: $4 (why: $venv/$1.log)"
    fi
}

install interop-py requirements.txt python_libraries aioapns
install interop-js package-lock.json node_libraries "@parse/node-apn apns2"
exit 0
