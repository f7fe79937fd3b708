# How reveille is built and checked. Works with GNU make 3.81, which is what old Macs have.
# Must stay true: everything CI does is a target here; building and testing need no network but the registries'.

CARGO ?= cargo
PREFIX ?= $(or $(CARGO_HOME),$(HOME)/.cargo)

target := $(or $(CARGO_TARGET_DIR),target)
tools := $(target)/tools
deny_version := 0.20.2
deny := $(tools)/bin/cargo-deny
# The properties that `make test` runs are the same each time; `make properties` takes others.
seed := PROPTEST_RNG_SEED=2026

.PHONY: help wake test properties fuzz lint audit bench bench-site crash edits soak install reader fmt bootstrap build portable test-portable
.PHONY: lint-format lint-code lint-dependencies lint-docs lint-scripts
.NOTPARALLEL:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 15

wake: build ## build, wake in a fresh copy of the example home, show what came of it
	@script/demo $(target)/release/reveille

test: build ## the whole test suite (the tests run the program)
	@script/bootstrap-test
	@script/bootstrap --tests
	$(seed) $(CARGO) test --release --locked --workspace

properties: ## every property on thousands of inputs that no run has had (CASES=20000 of each)
	PROPTEST_CASES=$(or $(CASES),20000) $(CARGO) test --release --locked --workspace --lib --bins

fuzz: ## a million inputs for each parser of foreign text: no panic, none over a second, 200 MB (an hour; REVEILLE_FUZZ=NAME: one)
	$(CARGO) test --release --locked -p reveille-tests --test suite fuzz:: -- --ignored --nocapture --test-threads 1
	$(CARGO) test --release --locked -p reveille-agent fuzz:: -- --ignored --nocapture --test-threads 1

crash: build ## hit wakes at every step: SIGKILL 50 times, a full, failing or read-only disk 10 times each, frost; 10,000 mails; 10,000 edits
	REVEILLE_CRASHES=25 REVEILLE_EDITS=10000 $(CARGO) test --release --locked -p reveille-tests --test suite crash -- --include-ignored --nocapture --test-threads 1

edits: build ## 10,000 racing edits of PROGRESS.md against running wakes
	REVEILLE_EDITS=10000 $(CARGO) test --release --locked -p reveille-tests --test suite racing_edits -- --nocapture

soak: build ## a year of wakes, 4,380, in one home, and 1,000 with a reader that wants everything (prints the table of BENCHMARKS.md)
	$(CARGO) test --release --locked -p reveille-tests --test suite soak -- --ignored --nocapture --test-threads 1

portable: bootstrap ## a program that starts on every x86-64 computer since 2008 (target/portable)
	GGML_REVEILLE_CPU=core2 $(CARGO) build --release --locked --target-dir $(target)/portable
	@echo "built $(target)/portable/release/reveille: copy it to the old computer"

test-portable: build portable ## wake that program on an emulated Core 2 (Linux with qemu-user)
	script/portable-test $(target)/portable/release/reveille $(target)/release/reveille

lint: bootstrap lint-format lint-code lint-dependencies lint-docs lint-scripts ## rustfmt, clippy, dependencies, documentation, shell scripts

audit: lint-dependencies ## dependencies against the advisory database (needs a network)
	@$(deny) check advisories || { echo "audit: findings are above; if the database could not be fetched, nothing was checked:"; \
	echo "    run it on a machine that reaches github.com; what is known by hand stands in deny.toml"; exit 1; }

bench: build ## what BENCHMARKS.md measures
	script/bench
	$(CARGO) run --release --locked --package reveille-skills --example mail_speed

bench-site: build ## pages and sign-ups of `reveille serve` against nginx (needs nginx and wrk)
	script/bench-site

install: bootstrap ## put the program in ~/.cargo/bin, or in bin of PREFIX=…
	$(CARGO) install --locked --path agent --root "$(PREFIX)"

reader: ## make the reader's encoder anew (Python; see models/training)
	models/training/make-reader.sh

fmt: ## lay out the code
	$(CARGO) fmt --all

bootstrap:
	@script/bootstrap

build: bootstrap
	$(CARGO) build --release --locked

# The parts of lint, the quick one first.
lint-format:
	$(CARGO) fmt --all --check

lint-code:
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

# `fetch`, because cargo-deny looks at the crates of every system and is kept off the network.
lint-dependencies: $(tools)/cargo-deny-$(deny_version)
	$(CARGO) fetch --locked --quiet
	$(deny) --offline check licenses sources bans

# With private items, for most of the program is private to its crate.
lint-docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps --document-private-items

lint-scripts:
	@if command -v shellcheck >/dev/null; then shellcheck -x tests/servers/install.sh $$(grep -lE '^#!.*[/ ](ba)?sh$$' .ci/run script/* models/*/*.sh tests/browser/run tests/servers/*/run tests/stand-ins/*); \
	else echo "lint: no shellcheck here, so the shell scripts were not checked"; fi

# Once for each version: two to four minutes, then kept in target/tools.
$(tools)/cargo-deny-$(deny_version):
	@echo "lint: building cargo-deny $(deny_version), once, takes a few minutes"
	$(CARGO) install --quiet --locked cargo-deny@$(deny_version) --root $(tools)
	@touch $@
