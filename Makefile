# Everything that is done with this project has a target here; `make help` lists them.
# Needs make, git and Python 3.11 or newer. Each target makes the virtual environment that it needs, in .venv.

PYTHON ?= python3
JOBS ?= auto
# So many tests at once for each processor: many wait for a reader, a signal, a board.
each = $(shell echo $$(( $(1) * $$(nproc 2>/dev/null || echo 2) )))
DAY := $(shell echo $$(( $$(date +%s) / 86400 )))
SECONDS ?= 60
FRAMES ?= 1000000
YEARS ?= 10
METERS ?= 2
SEED ?= 1
SHARE ?=
# Of the tests that take long, the share that `make test` runs each day; WHOLE=1 runs all of them.
WHOLE ?=
SLOW_SHARE ?= $(if $(WHOLE),0/1,$(DAY)/5)
CHIP_SHARE ?= $(if $(WHOLE),0/1,$(DAY)/6)
BOARD ?= rp2_pico
PORT ?=
ONLY ?=
RUNG ?=
KILLS ?= $(if $(filter chip,$(RUNG)),500,2000)
CONSOLE ?=
INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
STUBS := micropython-rp2-rpi_pico-stubs==1.29.0.post1 micropython-stdlib-stubs==1.29.0.post2

.DEFAULT_GOAL := help
.PHONY: help run live panel demo demo-picture test test-host test-postgresql test-vm test-chip uf2 test-board port-named board-named flash flash-check lint types office desk figures fuzz fuzz-port pictures cuts memory promise pulled campaign slice quick clean mutants coverage town soak

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## play the first day of a virtual meter, then stand before it if this is a terminal
	@$(BIN)/dianka bench play first-day --live-if-terminal

live: $(VENV)/run.stamp ## stand before a new virtual meter with a set of cards
	@$(BIN)/dianka bench live

panel: $(VENV)/panel.stamp ## stand before a new virtual meter in a browser
	@$(BIN)/dianka bench panel

demo: $(VENV)/desk.stamp ## the whole business in a browser: a counter that sells, a meter on the wall
	@$(BIN)/dianka bench demo

demo-picture: $(VENV)/test.stamp ## draw the picture of the demonstration anew; it needs chromium
	$(BIN)/python -m dianka.bench.demo.picture docs/demo.png

SLOW := $(addprefix --ignore=host_tests/firmware/test_,formats.py settlement.py i2c_bus.py selfcheck.py)
quick: lint types ## style, types and the fast tests of rung 1: under a minute on two cores
	$(BIN)/python -m pytest -n $(JOBS) $(SLOW) $(addprefix host_tests/,firmware cardos docs desk/test_sell.py meter/test_first_day.py meter/test_sessions.py)

test: lint types test-host test-vm test-chip ## style, types, and every rung that is here; of what takes long a share, others each day: make test WHOLE=1 runs all

test-host: $(VENV)/test.stamp ## rung 1: bench, cards and firmware under CPython
	$(BIN)/python -m pytest -n $(call each,2) --slow=$(SLOW_SHARE) $(addprefix --ignore=host_tests/,vm chip board flash)
	$(BIN)/python -m pytest -n $(call each,4) host_tests/flash # they wait for boards by the clock on the wall, so nothing runs beside them

test-postgresql: $(VENV)/test.stamp ## the office's tests on a PostgreSQL of their own, of which test-host has a few
	$(BIN)/python -m pytest -n $(call each,2) -m 'postgresql and not campaign' $(if $(SHARE),--share $(SHARE)) host_tests/office host_tests/web

test-vm: $(VENV)/test.stamp ## rung 2: firmware under the real MicroPython, on the virtual board
	$(BIN)/python -m pytest -n $(JOBS) --slow=$(SLOW_SHARE) host_tests/vm

test-chip: $(VENV)/test.stamp ## rung 3: the real RPI_PICO firmware on an emulated RP2040
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --share=$(CHIP_SHARE) host_tests/chip

uf2: $(VENV)/chip.stamp ## fetch MicroPython's UF2 for the RPI_PICO, which rung 3 and the figures need; RP2040_UF2=FILE names another
	@$(BIN)/python -m dianka.bench.rungs.rp2040.image

test-board: port-named $(VENV)/test.stamp ## rung 4: the flashed firmware on a real board with its test jig: make test-board BOARD=rp2_pico PORT=/dev/ttyACM0
	@DIANKA_BOARD=$(BOARD) DIANKA_PORT=$(PORT) $(BIN)/python -m pytest -rs host_tests/board

port-named:
	@[ -n "$(PORT)" ] || \
		{ echo "rung 4 not run: name the board's port, as in make test-board BOARD=rp2_pico PORT=/dev/ttyACM0"; exit 2; }

board-named:
	@[ -n "$(BOARD)" ] || { echo "name the board, a folder of boards/, as in make $(MAKECMDGOALS) BOARD=rp2_pico PORT=/dev/ttyACM0"; exit 2; }
	@[ -n "$(PORT)" ] || { echo "name the board's port, as in make $(MAKECMDGOALS) BOARD=$(BOARD) PORT=/dev/ttyACM0"; exit 2; }

flash: board-named $(VENV)/board.stamp ## bring the firmware onto a board: make flash BOARD=rp2_pico PORT=/dev/ttyACM0; CONSOLE=1 with the service console
	@$(BIN)/dianka flash --board "$(BOARD)" --port "$(PORT)" $(if $(CONSOLE),--console) $(if $(INDEX),--index "$(INDEX)")

flash-check: board-named $(VENV)/board.stamp ## whether a board holds exactly this version: make flash-check BOARD=rp2_pico PORT=...
	@$(BIN)/dianka flash --check --board "$(BOARD)" --port "$(PORT)"

pulled: $(VENV)/run.stamp ## break every card's session off before, in and after every byte, and put the card in again
	@$(BIN)/dianka bench pulled

cuts: $(VENV)/run.stamp ## cut the power at every byte that is stored, in every way, and again while the meter recovers; make cuts RUNG=vm KILLS=2000 kills real MicroPython, RUNG=chip the emulated chip; RESUME=1 goes on
	@$(BIN)/dianka bench cuts $(if $(RUNG),--rung $(RUNG) --kills $(KILLS)$(if $(RESUME), --resume))

memory: $(VENV)/run.stamp ## flip bits of the memory, let it lie, answer late or not at all, and cut the power
	@$(BIN)/dianka bench memory

town: $(VENV)/office.stamp ## let 20 meters, residents, cards and 3 desks live for 30 days with faults of all kinds: make town SEED=7
	@$(BIN)/dianka bench town --seed $(SEED)

soak: $(VENV)/run.stamp ## live years with meters, checked after every step: make soak YEARS=10 METERS=2 SEED=1
	@$(BIN)/dianka bench soak --years $(YEARS) --meters $(METERS) --seed $(SEED)

promise: $(VENV)/office.stamp ## `make cuts`, `make memory`, `make soak` and `make town`, with their figures into docs/promise.md
	@$(BIN)/dianka bench cuts --page docs/promise.md
	@$(BIN)/dianka bench memory --page docs/promise.md
	@$(BIN)/dianka bench soak --years $(YEARS) --meters $(METERS) --seed $(SEED) --page docs/promise.md
	@$(BIN)/dianka bench town --page docs/promise.md

campaign: $(VENV)/test.stamp pulled cuts memory soak ## the exhaustive sweeps of which `make test` has a sample, `make pulled`, `make cuts`, `make memory` and `make soak`: two hours and more
	$(BIN)/python -m pytest -n $(JOBS) -m campaign -o timeout=7200 -o run_limit_s=28800

slice: $(VENV)/test.stamp ## one point in 211 of `make pulled`, in 100 of `make cuts`, one test in 13 of `make campaign` (not the weeks of the soak), others each day
	@$(BIN)/dianka bench pulled --every 211 --offset $$(( $(DAY) % 211 ))
	@$(BIN)/dianka bench cuts --every 100 --seed $(DAY)
	$(BIN)/python -m pytest -n $(JOBS) -m campaign --share $(DAY)/13 --ignore=host_tests/chip --ignore=host_tests/bench/test_soak.py host_tests

fuzz: $(VENV)/fuzz.stamp ## feed what reads bytes from outside with anything, guided by coverage: make fuzz SECONDS=60
	@$(BIN)/python host_tests/fuzz/run.py --seconds $(SECONDS)

fuzz-port: $(VENV)/test.stamp ## send fuzzed frames to a meter's data port, and judge each answer: make fuzz-port FRAMES=1000000
	@PYTHONPATH=host_tests/kits $(BIN)/python host_tests/fuzz/port_frames_run.py --frames $(FRAMES)

mutants: $(VENV)/mutants.stamp ## change the money's code one thing at a time, and see that a test fails: make mutants ONLY="account tariff" SHARE=0/10
	@$(BIN)/python host_tests/mutants/mutants.py $(if $(ONLY),--only $(ONLY)) $(if $(SHARE),--share $(SHARE))

COVERING := $(wildcard $(addprefix host_tests/firmware/test_,account*.py card_files*.py formats.py journal*.py \
	state*.py supply*.py tariff*.py)) $(addprefix host_tests/meter/test_,state_recovery.py supply_origin.py supply_rules.py)
coverage: $(VENV)/coverage.stamp ## run the quick tests of account, tariff, journal, state, supply and card_files, and fail if a branch of them is not taken
	@mkdir -p build/coverage && $(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(JOBS) --hypothesis-seed=1 -m 'not campaign and not slow' $(COVERING)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

figures: $(VENV)/chip.stamp ## measure on the emulated chip: a table and build/figures.json; only some parts: make figures ONLY="pulses start"
	@$(BIN)/dianka bench figures $(addprefix --only ,$(ONLY))

lint: $(VENV)/test.stamp ## check style and common mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: $(VENV)/test.stamp build/typings.stamp ## check types: tools against CPython, firmware against MicroPython on the RP2040
	$(BIN)/pyright
	$(BIN)/pyright -p host_tests/types/micropython.json

office: $(VENV)/office.stamp ## install what the office needs, and list its commands
	@$(BIN)/dianka office --help

desk: $(VENV)/desk.stamp ## install what the office in a browser needs, and say how it is started
	@$(BIN)/dianka desk --help

pictures: $(VENV)/test.stamp ## draw the pictures of the documentation anew; those of docs/desk need chromium
	$(BIN)/dianka bench picture docs/live.svg
	$(BIN)/dianka bench digits docs
	$(BIN)/python -m dianka.wiring.picture docs/building boards/rp2_pico boards/rp2_pico2 boards/esp32_devkit
	$(BIN)/python -m dianka.bench.handbook.pictures docs/desk

clean: ## remove what the other targets have made
	rm -rf $(VENV) build .pytest_cache .ruff_cache .hypothesis tools/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is missing or older than 3.11: install Python 3.11 or newer, or name it with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "$(PYTHON) can't make a virtual environment: on Debian and Ubuntu install python3-venv, and try again"; exit 1; }

$(VENV)/run.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@[ ! -e /usr/include/PCSC/winscard.h ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pcsc]' || \
		echo "pyscard can't be built here: card readers will not be tested; see that gcc is installed"
	@touch $@ $(VENV)/run.stamp

$(VENV)/office.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[office]'
	@touch $@ $(VENV)/run.stamp

$(VENV)/panel.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[panel]'
	@touch $@ $(VENV)/run.stamp

$(VENV)/desk.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[desk]'
	@touch $@ $(VENV)/run.stamp $(VENV)/office.stamp

$(VENV)/board.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[board]'
	@touch $@ $(VENV)/run.stamp

$(VENV)/fuzz.stamp: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary atheris -e '.[fuzz]' || \
		{ echo "atheris can't be installed here: it has wheels for CPython 3.11 to 3.13 on Linux alone; use one of these with make PYTHON=..."; exit 1; }
	@touch $@ $(VENV)/run.stamp

$(VENV)/mutants.stamp: pyproject.toml | $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[mutants]'
	@touch $@

$(VENV)/coverage.stamp: pyproject.toml | $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[coverage]'
	@touch $@

$(VENV)/chip.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[board,chip]'
	@touch $@ $(VENV)/run.stamp $(VENV)/board.stamp

build/typings.stamp: Makefile | $(VENV)/test.stamp
	rm -rf build/typings
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/typings $(STUBS)
	@touch $@
