# Patrol. Two commands do all the set-up: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV = $(BIN)/uv pip install --quiet --python $(BIN)/python
# Where a torch wheel may lie besides the registry, e.g. a CPU-only build (docs/adr/002-installation.md).
TORCH_LINKS ?= $(PIP_FIND_LINKS)


.PHONY: help
help: ## show what there is to do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

$(BIN)/uv:
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.run: requirements/run.lock requirements/torch.txt pyproject.toml | $(BIN)/uv
	@echo "Installing the locked dependencies ..."
	@$(UV) --no-deps --require-hashes -r requirements/run.lock
	@$(UV) $(addprefix --find-links ,$(TORCH_LINKS)) -r requirements/torch.txt
	@$(UV) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	@$(UV) --no-deps --require-hashes -r requirements/dev.lock
	@touch $@

.PHONY: setup
setup: $(VENV)/.run ## make the environment with the locked dependencies

.PHONY: demo
demo: $(VENV)/.run ## watch Patrol work: 476 cameras, alerts, units, clocks (ARGS="--duration 90 --json" for a summary)
	@exec $(BIN)/patrol demo $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## run the tests
	@$(BIN)/patrol model get || echo "No weights here: the tests that need them are skipped, by name."
	@$(BIN)/python -m pytest -m "not acceptance" $(ARGS)

.PHONY: acceptance
acceptance: $(VENV)/.dev ## recorded people on a real RTSP server, to a closed order (needs Debian packages, see .ci/run)
	@$(BIN)/patrol model get
	@$(BIN)/python -m pytest -m acceptance tests/acceptance $(ARGS)

.PHONY: install-quantize
install-quantize: $(VENV)/.run requirements/quantize.lock ## add what `patrol model quantize` needs
	@$(UV) --no-deps --require-hashes -r requirements/quantize.lock

.PHONY: lock
lock: $(BIN)/uv ## write the lock files anew from pyproject.toml
	@UV=$(CURDIR)/$(BIN)/uv scripts/lock.sh

.PHONY: lint
lint: $(VENV)/.dev ## format, style, types and layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
