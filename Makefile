# Commands for people and CI. They need Python 3.11 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# One thread per test process: the threads of NumPy, SciPy and torch would compete with the $(JOBS) processes.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS)

.PHONY: help demo gallery test check format docs bench speed tables clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*##/\1:/p' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.run-stamp  ## restore the photos in examples/ into demo-out/
	@mkdir -p demo-out
	@$(BIN)/refocal deblur examples -o demo-out --save-map --report demo-out/index.html
	@echo "Restored photos: $(CURDIR)/demo-out"
	@echo "Before and after, for a browser: $(CURDIR)/demo-out/index.html"

gallery: $(VENV)/.run-stamp  ## write docs/gallery: real photos before and after, from the data sets in REFOCAL_DATA
	@$(BIN)/python benchmarks/gallery.py

test: $(VENV)/.test-stamp  ## run the tests (about 8 minutes on two cores, 1.7 GB of packages)
	@echo "Running the tests: about 8 minutes on two cores ..."
	@$(PYTEST)

check: $(VENV)/.test-stamp  ## format, lint, types, layers, tests: what CI runs
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(PYTEST)

format: $(VENV)/.test-stamp  ## format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

docs: $(VENV)/.test-stamp  ## build the documentation into docs/_build/html
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "Documentation: $(CURDIR)/docs/_build/html/index.html"

bench: $(VENV)/.test-stamp  ## time the core and the command, write benchmarks/core.csv
	@$(BIN)/python benchmarks/core.py

speed: $(VENV)/.test-stamp  ## time every method from 0.5 to 24 megapixels, draw quality against cost
	@$(BIN)/python benchmarks/speed.py

tables: $(VENV)/.test-stamp  ## update the README's tables
	@$(BIN)/python benchmarks/readme_tables.py

clean:  ## remove build results and .venv
	rm -rf $(VENV) demo-out build dist docs/_build docs/gallery .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	rm -rf src/*.egg-info

# One environment for both: the demo needs the runtime packages, the tests those of the training side as well.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "refocal needs Python 3.11 or newer: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run-stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing refocal into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.test-stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing refocal and the packages of its tests into $(VENV): about 1.7 GB with the CPU build of torch ..."
	@$(PIP) -e '.[learn,dev]'
	@touch $(VENV)/.run-stamp $@
