# Two commands matter to a user: `make demo` and `make test`. Everything is pinned in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
.PHONY: install demo up quick test check audit format shots

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Showdown needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12"; exit 1; }
	@echo "Installing into .venv: about a gigabyte, a few minutes the first time"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[app,worker,dev]'
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib || true  # on all processors; of some files for other Pythons it says no
	@touch $@

demo: install
	@exec $(BIN)/showdown demo

up: install
	@exec $(BIN)/showdown up

quick: install  # the inner loop: about a minute
	$(BIN)/python -m pytest -n 2 --dist worksteal -q --hypothesis-profile=quick -m "not slow" tests/unit

test: install
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=10  # tests/conftest.py orders the files

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: install  # the pins against known advisories; pip-audit is asked where it is installed
	$(BIN)/python -m tests.support.advisories

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

shots: install
	$(BIN)/python -m tests.e2e.shots
