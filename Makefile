# Everything that is done with this project. `make help` lists it.
#
# Each target sets up what it needs by itself: a machine needs Python 3.11 or newer (with
# venv) and make; for the tests, Node 18 or newer with npm too. The environment is .venv, made
# from the lock files by plain pip and renewed when a lock file or pyproject.toml changes.
# PYTHON=/path/to/python3 chooses the Python; without it the newest suitable one is taken.

PYTHON ?=
export PYTHON
# What the interpreter, pip and the tools of an environment around this one would pick up.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

BIN := .venv/bin
RUN_READY := .venv/.ready
DEV_READY := .venv/.ready-dev
BENCH_READY := .venv/.ready-bench
NODE_CLIENT := clients/node
NODE_READY := $(NODE_CLIENT)/node_modules/.ready

# A stamp holds the place it was made in: an environment that came along when the tree was
# copied or moved would run the code of the old place.
define made_elsewhere
$(filter-out $(shell pwd -P),$(shell cat $(1) 2>/dev/null))
endef
ifneq ($(call made_elsewhere,$(RUN_READY)),)
$(RUN_READY) $(DEV_READY) $(BENCH_READY): moved
endif

.PHONY: help run demo test test-crash test-machine node lint format contract lock docs bench bench-national dist clean moved
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_READY) ## start the service with simulated warehouses and keep serving until Ctrl-C
	$(BIN)/cotton demo --keep-serving

demo: $(RUN_READY) ## the same as run, but end when everything was shown
	$(BIN)/cotton demo

test: $(NODE_READY) $(BENCH_READY) lint ## lint, then all tests
	$(BIN)/python -m pytest

node: $(NODE_READY) ## set up the Node client and run its unit tests
	cd $(NODE_CLIENT) && node --test

test-crash: ROUNDS ?= 200
test-crash: PLANS ?= 200
test-crash: $(DEV_READY) ## kill -9 and faults on the way, as often as ROUNDS and PLANS say
	$(BIN)/python -m pytest tests/faults --kill-rounds $(ROUNDS) --proxy-plans $(PLANS)

test-machine: EXAMPLES ?= 2000
test-machine: $(DEV_READY) ## random histories against the oracle, as many as EXAMPLES says
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/machine

lint: $(DEV_READY) ## style, types, the contract and its generated code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python tools/generate_contract.py --check
	$(BIN)/buf lint
	$(BIN)/buf format proto --diff --exit-code
	$(BIN)/python tools/check_breaking.py

format: $(DEV_READY) ## bring Python and protos into the project's format
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(BIN)/python tools/generate_contract.py
	$(BIN)/buf format proto --write

contract: $(DEV_READY) ## generate the Python code of the protos
	$(BIN)/python tools/generate_contract.py

lock: $(DEV_READY) ## pin what pyproject.toml asks for, with hashes
	$(BIN)/python tools/lock.py

docs: $(DEV_READY) ## write the documents that are made from the code
	$(BIN)/python -m tools.generate_docs

bench: $(BENCH_READY) ## measure bulk, instruments, other stores, and a small season; some minutes
	$(BIN)/python benchmarks/run.py
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.scale

bench-national: LOTS ?= 140000
bench-national: $(BENCH_READY) ## measure a national season beside other engines; LOTS=2000 for a small one
	$(BIN)/python -m benchmarks.national --lots $(LOTS)
	$(BIN)/python -m benchmarks.peers --lots $$(($(LOTS) / 5)) --rounds 5
	$(BIN)/python -m benchmarks.scale --lots $(LOTS) --rounds 5

dist: $(DEV_READY) ## build the wheel and the source archive into dist/
	$(BIN)/hatchling build

clean: ## remove the environment and all that was built, never the data
	rm -rf .venv .build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf $(NODE_CLIENT)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN_READY): requirements.lock pyproject.toml tools/make_environment
	@tools/make_environment requirements.lock
	@pwd -P > $@

# The development lock holds the runtime one, so both are ready then.
$(DEV_READY): requirements-dev.lock requirements.lock pyproject.toml tools/make_environment
	@tools/make_environment requirements-dev.lock
	@pwd -P > $@
	@pwd -P > $(RUN_READY)

# Into the environment of the service, whose pins it shares: what the service is compared with.
$(BENCH_READY): requirements-bench.lock requirements.lock pyproject.toml tools/make_environment
	@tools/make_environment requirements-bench.lock
	@pwd -P > $@
	@pwd -P > $(RUN_READY)

# Packages of the lock file alone, none of whose scripts is run.
$(NODE_READY): $(NODE_CLIENT)/package.json $(NODE_CLIENT)/package-lock.json
	@for each in node npm; do command -v $$each >/dev/null || { \
	    echo "$$each is not on the path: the tests of $(NODE_CLIENT) need Node 18 or newer with npm." >&2; \
	    echo "On Debian and Ubuntu: apt-get install nodejs npm." >&2; exit 1; }; done
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' || { \
	    echo "Node $$(node --version) is too old: the tests of $(NODE_CLIENT) need Node 18 or newer." >&2; exit 1; }
	cd $(NODE_CLIENT) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
