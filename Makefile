# The channel gateway. `make` alone prints this list.
# Needs Python 3.11 (or newer), git, make, apt and npm; everything else is brought in by the
# targets themselves. Stamp files make the second run start at once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements.lock
TOOLS := $(VENV)/.tools
# The browser's scripts: made of the sources by hatch_build.py, as `pip install .` does.
WIDGET := gateway/channels/webwidget
CONSOLE := gateway/console
BUILT := $(CONSOLE)/built/sources.sha256
# Processes that pytest uses, on two cores: tests wait a lot; 0 runs everything in one process (for a debugger).
WORKERS ?= 3
# More arguments for pytest, for example: make test ARGS="-k takeover"
ARGS ?=

.PHONY: help setup demo test check static format audit fuzz bench sizes lock clean

help: ## print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1 |/' \
		| column -t -s '|'

setup: $(READY) $(BUILT) ## create .venv, install everything from the lock files, build the browser's scripts

demo: $(READY) $(BUILT) ## run the gateway, a shop with the widget and the Intercom stand-in, and print the addresses
	@exec $(BIN)/gateway demo $(ARGS)

test: $(READY) $(BUILT) chromium ## run every test
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: static test ## format, lint, types, import floors, tests

static: $(READY) ## the part of `check` that runs no test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -W error -c 'from gateway.store.migrate import newest; print("newest migration:", newest())'
	@$(BIN)/bandit -q --severity-level medium -r gateway intercom_standin scripts hatch_build.py 2>/dev/null
	@$(BIN)/python scripts/secret_scan.py

audit: $(TOOLS) ## ask the internet whether something in the lock file is known to be vulnerable
	@$(BIN)/python scripts/audit.py $(ARGS)

fuzz: $(TOOLS) ## let atheris look for what breaks: make fuzz ARGS="translate --seconds 600"
	@$(BIN)/python -m fuzz $(ARGS)

format: $(READY) ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) $(BUILT) ## run the measured comparisons
	@$(BIN)/python -m bench $(ARGS)

sizes: $(READY) $(BUILT) ## print how large the browser's scripts are
	@$(BIN)/python hatch_build.py

lock: $(READY) ## write requirements.lock anew with current versions
	@scripts/lock.sh

clean: ## remove what the targets made
	rm -rf $(VENV) $(WIDGET)/built $(WIDGET)/client/node_modules $(CONSOLE)/built $(CONSOLE)/client/node_modules build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: chromium
chromium:
	@scripts/chromium.sh

$(READY): $(LOCK) pyproject.toml scripts/setup.sh
	@scripts/setup.sh $(VENV) $(LOCK)
	@touch $@

$(TOOLS): $(READY) requirements.audit.lock
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements.audit.lock
	@touch $@

# Folders are named as well: they change when a file goes.
$(BUILT): hatch_build.py $(shell find $(WIDGET)/client $(CONSOLE)/client -name node_modules -prune -o -print) | $(READY)
	@$(BIN)/python hatch_build.py >/dev/null
	@touch $@
