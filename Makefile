# The only entry to everything that is done with this repository. `make help` lists it.
#
# Variables: ARGS goes to the program that the target ends by running; the others stand beside their targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
NIGHTLY ?= $(CARGO) +nightly
ARGS ?=
# fuzz: which target, and for how long.
TARGET ?= request
FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_targets/*.rs)))
# simulation: the seed, or the first of SEEDS. Without both, each simulation runs its usual number of seeds.
SEED ?=
SEEDS ?=
# nightly: how many commands the differential test sends, and how many seeds each simulation runs.
NIGHTLY_COMMANDS ?= 1000000
SIMULATION_SEEDS ?= 5000

# Tests run with the profile dev, whose opt-level 1 is fast enough; the profile release links for minutes.
TEST := $(CARGO) test --workspace --no-fail-fast
# A line for each failure and each program instead of each test; `cargo test` by hand prints all.
BRIEF := --config 'target."cfg(all())".runner = ["$(CURDIR)/tests/brief.sh"]'
export TEST_TIMES := $(CURDIR)/target/test-times
# Files of the checkout that git does not keep, without what is built and installed there.
UNKEPT = git status --porcelain --ignored --untracked-files=all 2>/dev/null | \
	sed -n 's/^\(??\|!!\) //p' | sed -E '/^(tests\/fuzz\/)?target\/|^\.venv|^bench\/\.kevy\//d' | LC_ALL=C sort

##@ Use
.PHONY: run
run: tools ## Build the release binary and start a node on port 6379; ARGS="--port 7000 --shards 2"
	exec $(CARGO) run --release --package shoal --bin shoal -- $(ARGS)

.PHONY: build
build: tools ## Build target/release/shoal
	$(CARGO) build --release --package shoal --bin shoal

##@ Change
.PHONY: check
check: tools ## Type-check everything, tests and benches included
	$(CARGO) check --workspace --all-targets

.PHONY: fmt
fmt: tools ## Format all code
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check: tools ## Fail if some code is not formatted
	$(CARGO) fmt --all --check

.PHONY: lint
lint: tools ## Run clippy over everything, warnings are errors
	$(CARGO) clippy --workspace --all-targets -- -D warnings

.PHONY: doc
doc: tools ## Build the documentation of the code into target/doc
	$(CARGO) doc --no-deps --document-private-items --lib --package shoal --package shards --package testkit

.PHONY: conf
conf: tools ## Hold conf/shoal.conf against the table of directives and their defaults
	$(CARGO) test --package shoal --lib config::

##@ Test
.PHONY: test
test: test-tools ## Install what the tests need if it is missing, run all tests, and name the slowest
	@mkdir -p target; rm -f "$$TEST_TIMES"; failed=; before=$$($(UNKEPT) || true); \
	for part in test-unit test-integration; do $(MAKE) $$part || failed="$$failed $$part"; done; \
	left=$$(LC_ALL=C comm -13 <(echo "$$before") <($(UNKEPT) || true)); \
	if [[ -n $$left ]]; then \
		echo "Tests have left files in the checkout; each belongs into a folder of its own (testkit::TempDir):"; \
		echo "$$left"; failed="$$failed files-left-behind"; \
	fi; \
	if [[ -s $$TEST_TIMES ]]; then \
		echo "The slowest of $$(wc -l <"$$TEST_TIMES") tests that passed, in seconds:"; \
		sort -rn "$$TEST_TIMES" | awk 'NR <= 10'; \
	fi; \
	[[ -z $$failed ]] || { echo "make test: failed:$$failed" >&2; exit 1; }

.PHONY: test-unit
test-unit: tools ## Tests beside the code, and examples in its documentation; needs nothing installed
	$(TEST) $(BRIEF) --lib --bins
	$(TEST) --quiet --doc

.PHONY: test-integration
test-integration: test-tools ## Tests of the real binary beside redis-server, redis-cli and other clients
	$(TEST) $(BRIEF) --test '*'

.PHONY: simulation
simulation: tools ## Simulations of shards and transactions with one seed, or many from it on; SEED=7 SEEDS=1000
	$(if $(SEED),SIM_SEED=$(SEED)) $(if $(SEEDS),SIM_SEEDS=$(SEEDS)) \
		$(CARGO) test --package shards --lib testing::simulation

.PHONY: differential
differential: redis ## Random commands to shoal and redis-server; DIFF_COMMANDS=1000000 DIFF_SEED=random
	$(CARGO) test --package shoal --test differential -- --nocapture

.PHONY: fuzz
fuzz: tools ## Fuzz a parser or an encoding with a nightly toolchain; TARGET=request FUZZ_SECONDS=60
	@$(NIGHTLY) --version >/dev/null 2>&1 || { \
		echo "make fuzz: a nightly toolchain is needed: rustup toolchain install nightly" >&2; exit 1; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz || { \
		echo "make fuzz: cargo-fuzz is missing and cannot be installed: cargo install cargo-fuzz" >&2; exit 1; }
	@# New inputs go to the first folder; those worth keeping are copied by hand into the corpus in tests/fuzz.
	mkdir -p target/fuzz-corpus/$(TARGET)
	$(NIGHTLY) fuzz run --fuzz-dir tests/fuzz $(TARGET) \
		$(CURDIR)/target/fuzz-corpus/$(TARGET) $(CURDIR)/tests/fuzz/corpus/$(TARGET) \
		-- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048

# Entries are kept as 48-bit words of a table, so their pointers go through integers. Member tables have no unsafe code, and
# take long; their name is skipped because it ends like that of the tables of entries.
MIRI_TESTS := entry:: table:: words:: encoding::intset encoding::listpack encoding::lzf encoding::sorted_pack \
	encoding::splice encoding::stream::block encoding::stream::pack
.PHONY: miri
miri: tools ## Run tests of the shard's unsafe code and of packed encodings under Miri, with a nightly toolchain
	@$(NIGHTLY) miri --version >/dev/null 2>&1 || { \
		echo "make miri: Miri is not installed: rustup +nightly component add miri (not every nightly has it)" >&2; \
		exit 1; }
	MIRIFLAGS="-Zmiri-permissive-provenance $${MIRIFLAGS:-}" \
		$(NIGHTLY) miri test --package shards --lib -- $(MIRI_TESTS) --skip member_table::

# A step that fails does not keep the others from running.
.PHONY: nightly
nightly: ## What is too long for CI: many seeds and random commands, all fuzz targets, Miri; FUZZ_SECONDS=600
	@failed=; \
	for step in "simulation SEED=$$((RANDOM * 32768 + RANDOM)) SEEDS=$(SIMULATION_SEEDS)" \
		"differential DIFF_COMMANDS=$(NIGHTLY_COMMANDS) DIFF_SEED=random" \
		$(FUZZ_TARGETS:%="fuzz TARGET=%") miri; do \
		echo "=== make $$step, $$SECONDS s after the start"; \
		$(MAKE) $$step || failed="$$failed; make $$step"; \
	done; \
	[[ -z $$failed ]] || { echo "=== failed$$failed" >&2; exit 1; }; \
	echo "=== all is well after $$SECONDS s"

##@ Measure
.PHONY: bench
bench: tools ## Micro benchmarks of the pure parts; ARGS="--bench table"
	$(CARGO) bench --package shoal-bench $(ARGS)

.PHONY: bench-compare
bench-compare: redis build ## Shoal beside redis-server, Valkey and kevy, two hours; ARGS="--quick"
	bench/install-valkey.sh || true
	$(CARGO) run --release --package shoal-bench --bin bench-compare -- $(ARGS)

.PHONY: bench-kevy
bench-kevy: tools ## Build kevy, which bench-compare then measures, too (minutes)
	bench/install-kevy.sh

.PHONY: bench-pauses
bench-pauses: redis build ## Pauses while 10 million keys come, expire and are evicted; ARGS="--quick --others"
	$(CARGO) run --release --package shoal-bench --bin bench-pauses -- $(ARGS)

.PHONY: bench-hitrate
bench-hitrate: redis build ## Hit rates of shoal, redis-server and Valkey with the same memory, 3 minutes
	bench/install-valkey.sh || true
	$(CARGO) run --release --package shoal-bench --bin bench-hitrate -- $(ARGS)

.PHONY: instructions
instructions: tools ## Count the instructions of GET and SET through the shard; needs valgrind
	bench/callgrind.sh

##@ Keep
.PHONY: ci
ci: ## What CI runs: formatting, clippy, all tests
	@for step in fmt-check lint test; do \
		echo "=== make $$step, $$SECONDS s after the start"; \
		$(MAKE) $$step; \
	done; \
	echo "=== all is well after $$SECONDS s"

.PHONY: clean
clean: ## Remove what was built; installed tools in .venv-* and bench/.kevy stay
	$(CARGO) clean
	rm -rf tests/fuzz/target

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- What the targets need -------------------------------------------------------------------------------------

.PHONY: tools
tools:
	@command -v $(firstword $(CARGO)) >/dev/null || { \
		echo "A Rust toolchain is needed, 1.95 or later: see https://rustup.rs" >&2; exit 1; }
	@echo 'int main(void) { return 0; }' | cc -x c -include stdio.h -o /dev/null - 2>/dev/null || { \
		echo "A C compiler with the C library's headers is needed: apt-get install gcc libc6-dev" >&2; exit 1; }
	@command -v git >/dev/null || { \
		echo "git is needed, which the build of glommio calls: apt-get install git" >&2; exit 1; }

.PHONY: redis
redis: tools
	@.ci/install-redis

.PHONY: test-tools
test-tools: redis
	@tests/real_clients/install.sh
