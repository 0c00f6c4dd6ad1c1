#!/bin/sh
# Makes .venv-tests in the root of the workspace with what requirements.txt names, if it is not there yet.
# When nothing is to be done, this takes one start of Python and no network.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=$(cd "$here/../.." && pwd)/.venv-tests
wanted=$(sed -n 's/^\(redis\|rq\)==//p' "$here/requirements.txt" | paste -sd ' ')

is_installed() {
    [ -x "$venv/bin/python" ] &&
        [ "$("$venv/bin/python" -c 'import redis, rq; print(redis.__version__, rq.VERSION)' 2>/dev/null)" = "$wanted" ]
}

fail() {
    echo "tests/real_clients/install.sh: $1" >&2
    exit 1
}

is_installed && exit 0

install_packages() {
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null; then
        as_root=sudo
    else
        fail "The tests with redis-py need the packages $*: install them as root (apt-get install $*)."
    fi
    command -v apt-get >/dev/null || fail "The tests with redis-py need $*, and there is no apt-get: please install them."
    # A fresh system has no lists of packages yet.
    $as_root apt-get install -y -q "$@" || { $as_root apt-get update -q && $as_root apt-get install -y -q "$@"; } ||
        fail "The packages $* cannot be installed by apt-get."
}

# Debian splits the module venv from Python; what remains without it is a folder without pip.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    install_packages python3 python3-venv
fi

rm -rf "$venv"
python3 -m venv "$venv" || fail "python3 -m venv cannot make $venv."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" ||
    fail "pip cannot install redis and rq ($wanted) into $venv: is the Python package index reachable?"
is_installed || fail "redis and rq ($wanted) were installed into $venv but cannot be imported."
