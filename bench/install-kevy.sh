#!/bin/sh
# Builds kevy for bench-compare into bench/.kevy: the crate kevy, the newest or KEVY_VERSION, by cargo install, which takes
# minutes. Does nothing when it is there already. Without it bench-compare leaves kevy out and says so.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
folder="$root/bench/.kevy"
server="$folder/bin/kevy"

give_up() {
    echo "install-kevy: $1" >&2
    echo "install-kevy: bench-compare will run without kevy; or set KEVY_SERVER to a kevy." >&2
    exit 1
}

# $1: a further option, or nothing.
install() {
    cargo install kevy ${KEVY_VERSION:+--version "$KEVY_VERSION"} --locked --bin kevy --root "$folder" --no-track $1
}

if ! [ -x "$server" ]; then
    command -v cargo >/dev/null || give_up "a Rust toolchain is missing: see https://rustup.rs"
    # The Rust version that the crate asks for may be newer than its code needs, so it is tried without that, too.
    install "" || install --ignore-rust-version ||
        give_up "cargo cannot build the crate kevy (no network, or it needs a newer Rust: KEVY_VERSION names an older kevy)."
fi
"$server" --version || give_up "$server does not run on this machine."
