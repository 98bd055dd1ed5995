# Every target makes .venv, installs what it needs and builds what has changed, and then does its job.

PYTHON ?= python3
DIST ?= dist

VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -type d -o -name '*.rs' -o -name Cargo.toml)

# What the recipes run in turn uses all cores by itself.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help demo test test-slow sanitize bench bench-peers bench-instructions quality wheel lint lint-rust lint-python test-rust test-python test-parity test-careamics bench-careamics

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.extension ## denoise a simulated image with Noise2Void and show what was gained
	$(BIN)/patchmill demo runs/demo

test: lint-rust test-rust lint-python test-python ## run every check, the cheap ones first

sanitize: $(VENV)/.extension $(VENV)/.dev-tools ## run the tests where every access to memory is checked (Linux on x86-64; valgrind, gcc)
	.ci/sanitize

bench: $(VENV)/.extension ## measure the loader and the kernels, and write benches/results
	$(BIN)/python benches/python/bench.py
	cargo bench --package patchmill-core -- --warm-up-time 0.5 --measurement-time 2

bench-peers: $(VENV)/.extension ## measure patchmill beside its peers, and write docs/benchmarks.md
	$(BIN)/python benches/python/bench_peers.py
	$(BIN)/python benches/python/report.py

bench-careamics: $(VENV)/.extension ## measure CAREamics with and without the line, and write docs/careamics_drop_in.md
	$(BIN)/python benches/python/careamics_drop_in.py

bench-instructions: ## count every kernel's instructions beside those that are kept (valgrind)
	$(PYTHON) benches/python/instructions.py

quality: $(VENV)/.extension $(VENV)/.dev-tools ## restore images whose truth is known, beside CAREamics, and write docs/quality.md (an hour)
	$(BIN)/python benches/python/quality.py

wheel: $(VENV)/.build-tools ## build the wheel that would be published into dist/ (DIST=... for another folder)
	$(BIN)/maturin build --locked --compatibility pypi --auditwheel check --out $(DIST)

lint: lint-rust lint-python ## check format, types, stubs and layers

lint-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features patchmill-python/abi3-py311 -- -D warnings
	@cargo tree --package patchmill-core --edges all --prefix none | awk \
		'/^(pyo3|numpy) / { print "patchmill-core must know no Python, but depends on " $$0; found = 1 } END { exit found || !NR }'

test-rust:
	cargo test --package patchmill-core

lint-python: $(VENV)/.extension $(VENV)/.dev-tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file tests/packaging/stubtest.ini patchmill._core
	$(BIN)/lint-imports

test-python: $(VENV)/.extension $(VENV)/.dev-tools
	$(BIN)/python -m pytest

test-slow: $(VENV)/.extension $(VENV)/.dev-tools ## repeat what a few repetitions show and many prove: forks, ends, leaks, kills, workers (half an hour)
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest --timeout 3000 tests/dataset tests/patching tests/prediction tests/random tests/sources tests/transforms

test-parity: $(VENV)/.extension $(VENV)/.dev-tools ## compare with CAREamics 0.1.0 and 0.3.5, and run the tests of its data side
	$(BIN)/python -m pytest tests/parity
	$(BIN)/python tests/parity/careamics_tests.py

test-careamics: $(VENV)/.extension $(VENV)/.dev-tools ## run scripts, guides and tests of CAREamics 0.3.x with patchmill.careamics and without it
	$(BIN)/python tests/careamics/environment.py -m pytest tests/careamics
	$(BIN)/python tests/careamics/careamics_tests.py

$(VENV)/.created:
	@command -v cargo > /dev/null || { echo "cargo: not found. Install Rust (https://rustup.rs) first." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
		"$(PYTHON): expected Python 3.11 or newer, got %d.%d. Choose one: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# A pip that knows dependency groups, and maturin.
$(VENV)/.build-tools: pyproject.toml | $(VENV)/.created
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --group build
	@touch $@

# patchmill in place, with its dependencies and those of its plots. Unless a group is named, maturin adds `dev`.
$(VENV)/.extension: $(VENV)/.build-tools $(RUST_SOURCES)
	$(BIN)/maturin develop --release --extras plot --group build
	@touch $@

$(VENV)/.dev-tools: pyproject.toml | $(VENV)/.extension
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
