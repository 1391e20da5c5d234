# The two commands of a newcomer: make demo, make test. The rest is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow chaos worlds lint types floors format bench bench-full mutants reference lock clean

demo: $(VENV)/ready
	$(BIN)/leadback demo

# A test run starts hundreds of processes; each would compile all it imports anew where nothing is kept.
test test-slow: export PYTHONDONTWRITEBYTECODE :=

# Tests of real processes wait for them half of the time: two at once on each core.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(2 * min(os.cpu_count() or 1, 8))")
test: $(VENV)/ready-dev
	$(BIN)/pytest -n $(WORKERS) --dist loadscope -m "not slow"

# The pages in a real browser, the event API under generated requests, kills and restarts under load.
test-slow: $(VENV)/ready-dev
	$(BIN)/pytest -n auto --dist loadscope -m slow

# 1,000 kills of workers and 100 restarts of PostgreSQL under 300,000 events, then the kills on SQLite: hours.
# Less of it, or one run again: make chaos CHAOS="--database sqlite --kills 20 --events 2000 --seed 7"
CHAOS ?=
chaos: $(VENV)/ready-dev
ifeq ($(CHAOS),)
	$(BIN)/python -m tests.chaos --database postgresql
	$(BIN)/python -m tests.chaos --database sqlite
else
	$(BIN)/python -m tests.chaos $(CHAOS)
endif

# A thousand small worlds with dying processes and interfering people, each from a seed that nobody has lived: ten minutes.
# More, on PostgreSQL: make worlds WORLDS="--worlds 10000 --database postgresql". One again, told step by step: WORLDS="--seeds 80-80 --tell"
WORLDS ?=
worlds: $(VENV)/ready-dev
	$(BIN)/python -m tests.worlds $(WORLDS)

lint: $(VENV)/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/ready-dev
	$(BIN)/mypy

floors: $(VENV)/ready-dev
	$(BIN)/lint-imports

format: $(VENV)/ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/ready-bench
	$(BIN)/python -m bench

# The same with a million leads and ten million events of history: takes up to an hour.
bench-full: $(VENV)/ready-bench
	LEADBACK_BENCH_FULL=1 $(BIN)/python -m bench

# Are the tests of the pure core sharp? A sample of mutants (SAMPLE, SEED), as far as MINUTES go.
SAMPLE ?= 200
SEED ?= 1
MINUTES ?= inf
mutants: $(VENV)/ready-dev
	$(BIN)/pip install --quiet --constraint requirements.lock cosmic-ray==8.7.0 coverage==7.17.4
	$(BIN)/python -m bench.mutants --sample $(SAMPLE) --seed $(SEED) --minutes $(MINUTES)

reference: $(VENV)/ready-dev
	$(BIN)/python -m tests.contracts.reference_page

lock: $(VENV)/ready-dev
	$(BIN)/pip freeze --all --exclude-editable > requirements.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Leadback needs Python 3.11 or newer: make PYTHON=python3.12 demo" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint requirements.lock --upgrade pip setuptools

$(VENV)/ready: $(VENV)/bin/python pyproject.toml requirements.lock
	$(BIN)/pip install --quiet --constraint requirements.lock --editable .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[web,postgres,brokers,dev]'
	touch $@

# The peers that `make bench` measures beside us.
$(VENV)/ready-bench: $(VENV)/ready-dev
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[web,postgres,dev,bench]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
