# The desk, from a clone to a running help desk. `make help` says what there is.
# Needed: Python 3.11 or newer with its venv module, make, and a package index at the first start.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := libs/events libs/chassis services/auth services/tickets services/notifier services/escalator services/web
STAMP := $(VENV)/installed
TOOLS := postgresql chromium fonts-dejavu-core strace docker.io wrk

# A .venv that was made elsewhere, or moved, is made anew: its scripts name the folder that it was made in.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

.DEFAULT_GOAL := help
.PHONY: help run test check bench faults plants screenshots lock test-tools clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:[^#]*## /#/' | awk -F'#' '{printf "  make %-11s %s\n", $$1, $$2}'

run: $(STAMP) ## Run the desk on http://localhost:8080 (STE_PORT=9090 make run: elsewhere); Ctrl-C stops it
	@exec $(BIN)/ste up

test: $(STAMP) ## Run all tests; with CI=true a skipped one fails
	$(BIN)/python -m pytest -n 2 $(if $(CI),-p tests.support.no_skips) $(ARGS)

check: $(STAMP) ## Lint, check the types, who imports whom, and the unit tests: seconds
	$(BIN)/ruff check --no-cache . # whose import is whose depends on the folders, which the cache does not know
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 tests/unit tests/contract/test_events.py $(ARGS)

bench: $(STAMP) ## Measure beside PocketBase, eventsourcing, plain FastAPI: one table and plots in bench-results/; ARGS=--help says more
	$(BIN)/python -m benchmarks $(ARGS)

faults: $(STAMP) ## Kill the desk everywhere under load: minutes; ROUNDS=20 hours, SEED=7, POINT='tickets relay.sent' only that
	$(BIN)/python -m tests.faults $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(POINT),--point '$(POINT)') $(ARGS)

plants: $(STAMP) ## Plant faults into a copy of the tree, one at a time, and see whether the tests catch them: half an hour
	$(BIN)/python -m tests.plants $(ARGS)

screenshots: $(STAMP) ## Draw every page of a desk with a made-up past into docs/screenshots; needs Chromium
	$(BIN)/python -m tests.screenshots

lock: $(STAMP) ## Choose every dependency anew and write requirements.lock: hashes, no hosts
	rm -f uv.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/uv lock --quiet --python $(BIN)/python
	$(BIN)/uv export --quiet --all-packages --no-emit-workspace --no-header --python $(BIN)/python -o requirements.lock >/dev/null
	rm -f uv.lock
	@! grep -nE '://' requirements.lock || { echo 'requirements.lock names a host; it must not.'; exit 1; }

test-tools: ## Install the system packages that some tests and the benchmarks need (Debian, Ubuntu); starts nothing
	@set -e; \
	if ! command -v apt-get >/dev/null; then \
	  echo 'This is no Debian. Install with your own package manager: PostgreSQL (server), Chromium, a font, strace, Docker, wrk.'; \
	  echo 'Tests that miss one of them are skipped and say so; without wrk the benchmarks use a load generator of their own.'; exit 0; \
	fi; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	missing=; for tool in $(TOOLS); do dpkg -s $$tool 2>/dev/null | grep -q '^Status: install ok' || missing="$$missing $$tool"; done; \
	[ -n "$$missing" ] || { echo 'All test tools are installed.'; exit 0; }; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
	  trap "$$as_root rm -f $$policy" EXIT; \
	  printf '#!/bin/sh\nexit 101\n' | $$as_root tee $$policy >/dev/null; $$as_root chmod 755 $$policy; \
	fi; \
	$$as_root apt-get update -qq; \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	echo "Installed:$$missing"

clean: ## Remove .venv and the caches; the data in var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis uv.lock
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# The newest Python there is under the usual names that can make an environment; then everything that the lock names, then our own members;
# then what the services import is compiled as they run it, optimised, which pip does not do.
$(STAMP): Makefile requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@set -e; \
	python=; for name in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
	  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { python=$$name; break; }; done; \
	if [ -z "$$python" ]; then \
	  echo "The desk needs Python 3.11 or newer; $$(python3 --version 2>/dev/null || echo 'no python3') is here."; \
	  echo 'Install one, or name it: make run PYTHON=/path/to/python3'; exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python has no venv module. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; \
	fi; \
	if [ -e $(STAMP) ] && [ "$$(cat $(STAMP))" != '$(CURDIR)' ] || ! $(BIN)/python -c '' 2>/dev/null; then \
	  echo "Making $(VENV) with $$($$python --version)"; $$python -m venv --clear $(VENV); \
	fi; \
	echo 'Installing what requirements.lock names; the first time this takes a minute'; \
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock || { \
	  echo 'That did not work. Is a package index reachable? pip reads PIP_INDEX_URL.'; exit 1; }; \
	PATH="$(CURDIR)/$(BIN):$$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation \
	  $(MEMBERS:%=-e %) -e .; \
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -O -c 'from deploy.forkserver import preload; from deploy.parts import SHARED_MODULES; preload(SHARED_MODULES)'; \
	printf '%s' '$(CURDIR)' > $(STAMP)
