#!/bin/sh
# What the interop tests want beside Python: curl, nghttpd, a browser, and the toolchains of the clients.
# Silent where all is there. In CI (CI=true, root, apt-get) what is missing is installed; what
# cannot be is only named: its tests are skipped and say so. Never fails.

# command:Debian's package
peers="curl:curl node:nodejs npm:npm nghttpd:nghttp2-server go:golang-go javac:default-jdk-headless
    mvn:maven chromium:chromium php:php-cli php:php-curl
    ruby:ruby ruby:ruby-http-2 zsh:zsh fish:fish"

missing() {
    for peer in $peers; do
        command -v "${peer%%:*}" >/dev/null 2>&1 || printf ' %s' "${peer##*:}"
    done
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq \
        -o Acquire::http::Timeout=20 -o Acquire::Retries=1 -o DPkg::Lock::Timeout=60 \
        "$@" </dev/null >/dev/null 2>&1
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0
if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt update
    for package in $wanted; do # one by one: what one lacks does not stop the others
        apt install -y --no-install-recommends "$package"
    done
    wanted=$(missing)
fi
[ -z "$wanted" ] || echo "interop: not installed:$wanted"
exit 0
