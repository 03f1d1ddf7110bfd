# Every target works on a fresh machine with python3 >= 3.11, make and git.
PYTHON ?= python3
BIN := .venv/bin
# Where `make demo` keeps its database; any folder will do.
DEMO_HOME ?= .empla/demo
# One file, one worker: tests that share a life stand in one file.
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo test browser test-16 check lint types contract docs sql format lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/ready  ## make .venv from the lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "empla needs Python 3.11 or newer; try: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## the main job: a sales force lives through its world and reports
	$(BIN)/empla demo --home $(DEMO_HOME)
	@$(BIN)/empla db stop --home $(DEMO_HOME)

test: setup  ## the tests, on an embedded PostgreSQL 18 of their own
	$(BIN)/python -m pytest $(PYTEST_ARGS)

browser:  ## Debian's Chromium, for the tests of pages; without it they are skipped, and say so
	command -v chromium >/dev/null || { apt-get update -q && apt-get install -y -q --no-install-recommends chromium; }

test-16: setup  ## the same on PostgreSQL 16
	EMPLA_TEST_POSTGRES=16 $(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types contract docs sql  ## ruff, pyright strict, import contract, docs and SQL checks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/pyright

contract: setup
	$(BIN)/lint-imports

docs: setup  ## the generated pages are up to date
	@for page in docs/make_*.py; do echo "$(BIN)/python $$page --check"; $(BIN)/python $$page --check || exit 1; done

sql: setup  ## every statement prepares, every table has its fence
	$(BIN)/python -m pytest -q tests/storage/test_statements.py tests/isolation/test_catalogue.py tests/isolation/test_cluster_rules.py

format: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup  ## resolve the newest versions into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    --python-version 3.11 --upgrade --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove what the targets above made here
	rm -rf .venv .ruff_cache .hypothesis .import_linter_cache
