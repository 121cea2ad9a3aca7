#!/bin/sh
# The clients that the interop tests drive, and the libraries under them: exactly those that the
# files of each language name, checked by their hashes, without running any script of theirs.
#
#     sh install.sh VENV
#
# They go into VENV/interop-*, once for each state of those files; what is compiled is compiled
# here. Silent where all is there. What cannot be installed is only named: its tests are skipped
# and say so. Never fails.

here=$(cd "$(dirname "$0")" && pwd)
venv=$(cd "$1" && pwd)

python_libraries() {
    "$venv/bin/python" -m venv --without-pip "$venv/interop-py" &&
        "$venv/bin/python" -m pip --python "$venv/interop-py/bin/python" \
            --disable-pip-version-check --retries 1 --timeout 20 \
            install --require-hashes --only-binary :all: -r "$here/python/requirements.txt"
}

node_libraries() {
    mkdir "$venv/interop-js" && cd "$here/node" &&
        cp package.json package-lock.json .npmrc "$venv/interop-js" && cd "$venv/interop-js" &&
        npm ci --ignore-scripts --fetch-retries=1 --fetch-timeout=20000
}

# The last thing put into a folder is a copy of what it was installed from.
install() { # folder, how, what it is called, what it is installed from
    folder=$1 how=$2 name=$3
    shift 3
    (cd "$here" && cat "$@") | cmp -s - "$venv/$folder/installed" && return
    rm -rf "${venv:?}/$folder"
    if ("$how") </dev/null >"$venv/$folder.log" 2>&1 &&
        (cd "$here" && cat "$@") >"$venv/$folder/installed"; then
        rm "$venv/$folder.log"
    else
        rm -rf "${venv:?}/$folder"
        echo "interop: not installed: $name (why: $venv/$folder.log)"
    fi
}

install interop-py python_libraries "aioapns h2" python/requirements.txt
install interop-js node_libraries "@parse/node-apn apns2" node/package-lock.json
exit 0
