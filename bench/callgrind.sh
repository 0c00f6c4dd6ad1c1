#!/bin/sh
# Counts the instructions of GET and SET through the shard, and of parsing them: figures that no neighbour on the
# machine can disturb, to hold a later change against. Prints instructions per operation. Needs valgrind.
# The profiles stay in target/callgrind, for callgrind_annotate.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
few=1000
many=11000

command -v valgrind >/dev/null || {
    echo "callgrind: valgrind is missing (Debian package valgrind)." >&2
    exit 1
}
cd "$root"
cargo build --quiet --release -p shoal-bench --example instructions
program=${CARGO_TARGET_DIR:-target}/release/examples/instructions
folder=${CARGO_TARGET_DIR:-target}/callgrind
mkdir -p "$folder"

# The instructions of a whole run of operation $1, $2 times.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file="$folder/$1-$2.out" "$program" "$1" "$2" 2>"$folder/log" || {
        grep -v '^==' "$folder/log" >&2
        exit 1
    }
    sed -n 's/^==[0-9]*== Collected : *\([0-9]*\).*/\1/p' "$folder/log"
}

operations=$("$program")
printf '%-12s %s\n' operation 'instructions each'
for operation in $operations; do
    # What happens once (filling the shard, starting the process) is the same in both runs.
    base=$(instructions "$operation" "$few")
    total=$(instructions "$operation" "$many")
    printf '%-12s %s\n' "$operation" $(((total - base) / (many - few)))
done
