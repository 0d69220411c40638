# `make` says what there is. Everything here works on a fresh Debian 12 with a Swift toolchain, and may be repeated.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# Undeclared imports fail the build: docs/ARCHITECTURE.md's arrows are compiled.
STRICT := --explicit-target-dependency-import-check error
SWIFT_FILES := Package.swift Sources Tests Benchmarks
# `make chaos BROKERS=host:port MINUTES=60 SEED=1`; without BROKERS on a broker of its own.
BROKERS ?=
MINUTES ?= 5
SEED ?=

SCRIPTS := scripts/setup scripts/pytest-suites .ci/run

RELEASE := .build/release/tagstream
FAILPOINTS := .build-failpoints/release/tagstream
TAGSTREAM_BINARY ?= $(CURDIR)/$(RELEASE)
export TAGSTREAM_BINARY

# What `make demo` passes on: make demo ARGS="--count 200000 --lanes 2"
ARGS ?=
# The Python suites, in the order of what they cost. Each is a process of its own: make test-python SUITES="Checks Proof/test_crashes.py"
SUITES ?= Checks Deploy Schemas Differential EndToEnd Proof

.PHONY: help
help: ## this list
	@echo 'usage: make TARGET'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## install what building and testing need (apt, pip)
	@scripts/setup build test

.PHONY: demo
demo: ## set up, build, run the whole pipeline in one process (ARGS="--count 200000")
	@scripts/setup build
	@$(MAKE) --no-print-directory build
	@$(RELEASE) demo $(ARGS)

.PHONY: build
build: ## build the release binary, .build/release/tagstream
	swift build -c release --product tagstream $(STRICT)

.PHONY: failpoints
failpoints: ## build the executable that can be killed at named places, .build-failpoints/release/tagstream
	TAGSTREAM_FAILPOINTS=1 swift build -c release --product tagstream --scratch-path .build-failpoints $(STRICT)

.PHONY: chaos
chaos: ## faults for MINUTES=5 on BROKERS=host:port (none: a broker of its own); the table goes into docs/reliability.md
	@scripts/setup build test
	@$(MAKE) --no-print-directory build failpoints
	.venv/bin/python Tests/Proof/chaos.py --record docs/reliability.md --minutes $(MINUTES) $(if $(BROKERS),--brokers $(BROKERS)) $(if $(SEED),--seed $(SEED))

.PHONY: test
test: setup build failpoints test-swift test-python ## set up, build, run every test

.PHONY: test-swift
test-swift: ## the Swift tests (ARGS="--filter Matcher")
	swift test --disable-xctest $(STRICT) $(ARGS)

.PHONY: test-python
test-python: ## the Python suites against TAGSTREAM_BINARY (SUITES="Checks Deploy")
	scripts/pytest-suites $(SUITES)

# The benchmarks have targets and C libraries of their own, so they get a folder of their own: switching TAGSTREAM_BENCHMARKS on
# and off in one folder would build the package anew each time.
.PHONY: bench
bench: ## prepare inputs, build and run the benchmarks (ARGS="match")
	@scripts/setup build bench
	Benchmarks/prepare .build-bench/inputs
	TAGSTREAM_BENCHMARKS=1 swift run -c release --scratch-path .build-bench TagstreamBenchmarks .build-bench/inputs $(ARGS)

# How long `make soak` runs; the broker stands still for a fifth of it.
MINUTES ?= 10

.PHONY: soak
soak: setup build ## a worker under load, with a broker that stands still: memory stays flat (MINUTES=10)
	TAGSTREAM_TEST_SOAK_MINUTES=$(MINUTES) .venv/bin/python -m pytest Tests/EndToEnd/test_soak.py -s

.PHONY: lint
lint: setup ## check the format of Swift files and the shell scripts
	swift format lint --strict --parallel --recursive $(SWIFT_FILES)
	.venv/bin/shellcheck $(SCRIPTS)

.PHONY: format
format: ## format the Swift files in place
	swift format --in-place --parallel --recursive $(SWIFT_FILES)

.PHONY: clean
clean: ## remove what was built; .venv stays
	rm -rf .build .build-bench .build-failpoints .pytest_cache
