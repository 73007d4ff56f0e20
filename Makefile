# The first Python of 3.11 or newer; say PYTHON=... to choose another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types format bench bench-cache bench-levers bench-semantic bench-attribution bench-routing bench-intervals docs dist clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

install: $(READY) ## costscope and what its tests need, in .venv

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer found; say make PYTHON=/path/to/python" >&2; exit 2; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fast,dev]' || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q costscope
	@touch $@

demo: $(READY) ## the whole tour on the sample logs, offline
	@$(BIN)/costscope demo

test: $(READY) ## all tests
	@$(BIN)/pytest -q -n $(WORKERS)

check: lint types $(READY) ## what CI runs: lint, types, tests with coverage, documentation up to date
	$(BIN)/pytest -q -n $(WORKERS) --cov
	$(BIN)/python docs/render.py --check

lint: $(READY) ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

format: $(READY) ## lets ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## how fast ingest is, next to the least that reading can cost
	$(BIN)/python tests/bench/ingest.py

bench-cache: $(READY) ## how long a million calls of twenty parts take in the prompt-cache simulator
	$(BIN)/python tests/bench/caching.py

bench-levers: $(READY) ## how long a million calls of twenty parts take in every lever, and how much memory
	$(BIN)/python tests/bench/levers.py

bench-semantic: $(READY) ## how long 100,000 distinct questions take in the semantic cache
	$(BIN)/python tests/bench/semantic.py

bench-attribution: $(READY) ## how many tokens of prompts are told apart rightly, by shape of prompt
	$(BIN)/python tests/bench/attribution.py

bench-routing: $(READY) ## how well rules and a learned router choose between two models (GSM8K, RouteLLM)
	$(BIN)/python tests/bench/routing.py

bench-intervals: $(READY) ## how often a saving's range holds for the other half of a real log
	$(BIN)/python tests/bench/intervals.py

docs: $(READY) ## fills README.md and docs/ from the program
	$(BIN)/python docs/render.py

dist: $(READY) ## wheel and sdist in dist/
	rm -rf dist
	$(BIN)/hatchling build -d dist

clean: ## removes the venv, caches and dist
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
