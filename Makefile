# Every command of this project. Plain `make` lists them.
.DEFAULT_GOAL := help
PYTHON := $(shell for minor in 14 13 12 11; do p=python3.$$minor; \
	if $$p -c 'import venv, ensurepip' >/dev/null 2>&1; then echo $$p; exit; fi; done; \
	if python3 -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; then echo python3; fi)
VENV := .venv
BIN := $(VENV)/bin
# One more than a small machine has cores: some tests wait for other processes most of their time.
WORKERS ?= 3
RUN_ARGS ?=

.PHONY: help run test check demo bench soak docs setup lock

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-6s %s\n", $$1, $$2}'

run: $(VENV)/installed ## install what is needed and run the exchange on http://127.0.0.1:8080
	$(BIN)/cabstand up $(RUN_ARGS)

test: $(VENV)/installed-dev ## run all tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/installed-dev ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

demo: $(VENV)/installed ## take one ride through each door, with its timeline
	$(BIN)/cabstand demo

bench: $(VENV)/installed-dev ## measure speed as ratios to a floor in the same run
	@for name in $(basename $(notdir $(wildcard benchmarks/bench_*.py))); do \
		echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

soak: $(VENV)/installed-dev ## the long races and the kill storm; the result goes to docs/reliability.md
	$(BIN)/python -m benchmarks.soak

docs: $(VENV)/installed-dev ## write the generated pages of docs/ again
	$(BIN)/cabstand docs

setup: $(VENV)/installed-dev ## install everything into .venv, nothing else

lock: ## pin the newest allowed dependencies (needs uv)
	uv lock --upgrade
	uv export --format requirements-txt --no-header --no-annotate --no-emit-project --no-dev --group build -o requirements.txt
	uv export --format requirements-txt --no-header --no-annotate --no-emit-project --only-group dev -o requirements-dev.txt

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Cabstand needs Python 3.11 to 3.14 with its venv module (Debian: apt-get install python3-venv)."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@
