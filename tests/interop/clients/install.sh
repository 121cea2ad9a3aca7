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

go_client() { # the toolchain of the machine, not one that go.mod may wish for
    cd "$here/go" && GOTOOLCHAIN=local \
        go build -mod=readonly -buildvcs=false -trimpath -o "$venv/interop-go/client" .
}

java_client() {
    timeouts="-Daether.connector.connectTimeout=20000 -Daether.connector.requestTimeout=20000"
    # shellcheck disable=SC2086 # two words
    mvn --batch-mode --quiet --strict-checksums $timeouts -f "$here/java/pom.xml" \
        dependency:copy-dependencies -DoutputDirectory="$venv/interop-java/lib" &&
        cd "$venv/interop-java/lib" && sums >../jars.sha256 &&
        cmp ../jars.sha256 "$here/java/jars.sha256" &&
        javac -encoding UTF-8 -cp "$venv/interop-java/lib/*" \
            -d "$venv/interop-java/classes" "$here/java/Client.java"
}

sums() { # of all that is here; macOS may have the second alone
    sha256sum -- * || shasum -a 256 -- *
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
install interop-go go_client "sideshow/apns2 net/http" go/go.mod go/go.sum go/main.go
install interop-java java_client "pushy HttpClient" java/pom.xml java/jars.sha256 java/Client.java
exit 0
