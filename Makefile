# `make lab` opens the first notebook, `make test` runs all tests; each makes its environment in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
NBVAL := $(if $(NOTEBOOKS),--nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg)

.PHONY: lab test bench notebooks screenshots comparison clean

lab: $(VENV)/lab.installed
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/01_autograd_basics.ipynb

# Notebooks come first and browser tests last: Playwright leaves an event loop running in the process.
test: $(VENV)/test.installed
	tests/browser/find_browser.sh $(BIN)/python
	$(BIN)/python -m pytest $(NBVAL) $(NOTEBOOKS) tests $(TESTARGS)

bench: $(VENV)/test.installed $(VENV)/bench.installed
	$(BIN)/python -m benchmarks $(BENCHARGS)

notebooks: $(VENV)/test.installed
	$(BIN)/python notebooks/build.py

screenshots: $(VENV)/test.installed
	tests/browser/find_browser.sh $(BIN)/python
	$(BIN)/python docs/screenshots.py

# Not part of the tests: torchviz and torchlens are there for comparison only.
comparison: $(VENV)/test.installed
	$(BIN)/python -m pip install -q torchviz torchlens
	$(BIN)/python docs/comparison.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nbgrad needs Python 3.11 or later: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/lab.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[lab]'
	touch $@

$(VENV)/test.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[test,conformance,layout]'
	touch $@

$(VENV)/bench.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) build dist
