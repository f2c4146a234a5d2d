# setup: the virtual environment .venv with everything pinned.  test: what has to pass.  lint: style and types alone.
# bench: every script of benchmarks/.  Another interpreter: make PYTHON=python3.12 setup

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup test lint bench docs clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $(READY)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

# The real data sets are read where JOYUL_SHARED says they are. One thread a process: two processes share two cores.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(if $(JOYUL_SHARED),-m 'not slow')

bench: $(READY)
	set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

docs: $(READY)
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
