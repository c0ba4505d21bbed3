# Everything that is done with this project has a target here; `make help` lists them.
# Needs make, git and Python 3.11 or newer. Each target makes the virtual environment that it needs, in .venv.

PYTHON ?= python3
JOBS ?= auto
VENV := .venv
BIN := $(VENV)/bin
STUBS := micropython-rp2-rpi_pico-stubs==1.29.0.post1 micropython-stdlib-stubs==1.29.0.post2

.DEFAULT_GOAL := help
.PHONY: help run live test test-host test-vm test-chip lint types figures pictures clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## play the first day of a virtual meter, then stand before it if this is a terminal
	@$(BIN)/dianka bench play first-day --live-if-terminal

live: $(VENV)/run.stamp ## stand before a new virtual meter with a set of cards
	@$(BIN)/dianka bench live

test: lint types test-host test-vm test-chip ## style, types, and every rung that is here

test-host: $(VENV)/test.stamp ## rung 1: bench, cards and firmware under CPython
	$(BIN)/python -m pytest -n $(JOBS) --ignore-glob='*/test_vm_*.py'

test-vm: $(VENV)/test.stamp ## rung 2: firmware under the real MicroPython, on the virtual board
	$(BIN)/python -m pytest -n $(JOBS) $(wildcard host_tests/test_vm_*.py)

test-chip: ## rung 3: firmware on an emulated chip
	@echo "test-chip: rung 3, the emulated RP2040, is not here yet: nothing was tested on it"

figures: $(VENV)/run.stamp ## measure: start, speed of virtual time, purchase session
	@$(BIN)/dianka bench figures

lint: $(VENV)/test.stamp ## check style and common mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: $(VENV)/test.stamp build/typings.stamp ## check types: tools against CPython, firmware against MicroPython on the RP2040
	$(BIN)/pyright
	$(BIN)/pyright -p host_tests/types/micropython.json

pictures: $(VENV)/run.stamp ## draw the pictures of the documentation anew
	$(BIN)/dianka bench picture docs/live.svg

clean: ## remove what the other targets have made
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis tools/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is missing or older than 3.11: install Python 3.11 or newer, or name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@[ ! -e /usr/include/PCSC/winscard.h ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pcsc]' || \
		echo "pyscard can't be built here: card readers will not be tested; see that gcc is installed"
	@touch $@ $(VENV)/run.stamp

build/typings.stamp: Makefile | $(VENV)/test.stamp
	rm -rf build/typings
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/typings $(STUBS)
	@touch $@
