#!/bin/bash
# Prints tests/tidy/exceptions.rs as it has to be for the sources as they are. Whoever puts it in the file's place looks at
# what has been added: the lists may only shrink.
set -euo pipefail
cd "$(dirname "$0")/../.."
lists=$(TIDY_PRINT=1 cargo test --quiet --package shoal --test tidy -- --nocapture --test-threads=1) ||
    echo "print_exceptions: some rules have no list; run the test when the lists are in place" >&2
grep -q '^pub(crate) const ' <<<"$lists" || exit 1
{
    sed -n '/^\/\/!/p' tests/tidy/exceptions.rs
    echo
    sed -n '/^pub(crate) const /,/^\];/p' <<<"$lists"
} | rustfmt --edition 2024 --config-path .
