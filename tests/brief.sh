#!/bin/bash
# Cargo's runner for `make test`: runs a test program and prints what failed and its closing line, not a line for each test
# that passed. How long each took goes to the file $TEST_TIMES, as `seconds name`.
#
# The times come from an option of Rust's test harness that is not stable. A harness that refuses it runs without.
set -euo pipefail
program=$1
shift

timed=(-Z unstable-options --report-time)
# For this program alone: set for cargo it would build everything anew.
export RUSTC_BOOTSTRAP=1
if ! "$program" "${timed[@]}" --list >/dev/null 2>&1; then
    unset RUSTC_BOOTSTRAP
    timed=()
fi

"$program" "${timed[@]}" "$@" 2>&1 | awk -v times="${TEST_TIMES:-/dev/null}" '
    /^test .* \.\.\. ok( <[0-9.]+s>)?$/ {
        if (match($NF, /^<[0-9.]+s>$/)) print substr($NF, 2, length($NF) - 3), $2 >> times
        next
    }
    /^test .* \.\.\. ignored/ || /^running [0-9]+ tests?$/ || /^$/ { next }
    { print; fflush() }'
