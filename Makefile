# Every target works on a machine that has only Python 3.11 or later, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PACKAGES := connections console dlt_sources orchestration stripe_simulator
# A test file's servers and builds are shared by its tests, so a file stays in one process.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: help setup demo up test test-long test-lake check lint audit check-python check-sql check-unit docs lock clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 12

setup: $(INSTALLED) ## Install into .venv

# The lock holds every package with its hash, so nothing is resolved at install (--no-deps).
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Installing into $(VENV) (once; about two minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED) ## Connect a simulated account, import 90 days, show the numbers beside the truth
	@$(BIN)/dashtray demo

up: $(INSTALLED) ## Run the service in the foreground
	@$(BIN)/dashtray up

test: $(INSTALLED) ## Run all tests but the long suite
	@$(BIN)/python -m pytest -m "not long" $(SIDE_BY_SIDE)

test-long: $(INSTALLED) ## Run the long suite
	@$(BIN)/python -m pytest -m long

test-lake: $(INSTALLED) ## Run the equality and end-to-end tests with a lake
	@DASHTRAY_TEST_WAREHOUSE=lake $(BIN)/python -m pytest -m "not long" tests/dlt_sources/test_equality.py tests/dlt_sources/test_verify.py tests/e2e/test_sync.py tests/e2e/test_verify.py tests/e2e/test_rebuild.py

check: $(INSTALLED) ## Lint, types, import borders, unit tests
	@$(MAKE) --no-print-directory -j 2 check-sql check-python check-unit

lint: $(INSTALLED) ## Lint, types, import borders
	@$(MAKE) --no-print-directory -j 2 check-sql check-python

check-python:
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES)

check-sql:
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/macros dbt_project/tests
	@DASHTRAY_WAREHOUSE_PATH=$(CURDIR)/dbt_project/target/warehouse.duckdb $(BIN)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project --target-path $(CURDIR)/dbt_project/target --log-path $(CURDIR)/dbt_project/target
	@$(BIN)/dbt-bouncer run --config-file dbt_project/dbt-bouncer.yml

check-unit:
	@$(BIN)/python -m pytest -q -m "not e2e and not long"

audit: $(INSTALLED) ## Look for dangerous code, and (on a network) for known weaknesses of the packages
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES)
	@$(BIN)/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off || \
		{ echo "pip-audit found something, or reached no advisory service: see above."; exit 1; }

docs: $(INSTALLED) ## Build the dbt docs site as one static page
	@$(BIN)/dashtray docs

lock: ## Compile requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --extra lake --group dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock

clean: ## Remove what was installed and built, not the data in .dashtray
	rm -rf $(VENV) build *.egg-info dbt_project/target
