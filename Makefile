# `make demo` tries it, `make test` proves it; both make what they need in .venv from pinned versions.
.DELETE_ON_ERROR:
.PHONY: demo test stories faults lint snapshots bench clean help

PYTHON ?= python3
unexport PYTHONDONTWRITEBYTECODE  # every test process would compile the package anew
VENV := .venv
PY := $(VENV)/bin/python
PACKAGES := pyproject.toml constraints.txt scripts/venv.sh

help:
	@echo "make demo [DIR=folder] [FAULT=name]   the embedded sandbox host, in the terminal"
	@echo "make test                             linters, types, import contracts, tests"
	@echo "make stories                          whole releases on real processes, and the properties; minutes"
	@echo "make faults                           kill everything, everywhere, and lose nothing; minutes"
	@echo "make lint | snapshots | bench | clean"

$(VENV)/.run: $(PACKAGES)
	PYTHON=$(PYTHON) scripts/venv.sh $(VENV)
	@touch $@

$(VENV)/.dev: $(PACKAGES)
	PYTHON=$(PYTHON) scripts/venv.sh $(VENV) dev
	@touch $(VENV)/.run $@

demo: $(VENV)/.run
	@$(VENV)/bin/debvisor-tui demo $(if $(DIR),--dir "$(DIR)") $(if $(FAULT),--fault "$(FAULT)")

# More workers than cores: many of the tests wait for other processes.
test: lint
	$(PY) -m pytest -n 3 --dist worksteal

stories: $(VENV)/.dev
	$(PY) -m pytest -m "(slow or hypothesis) and not real and not faults" --hypothesis-profile thorough -n 4 --dist worksteal

# The folder is named, so that its conftest is read by the process that prints the counts.
faults: $(VENV)/.dev
	$(PY) -m pytest -m faults -n 3 tests/faults

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	scripts/types.sh
	$(VENV)/bin/lint-imports

snapshots: $(VENV)/.dev
	$(PY) -m pytest -m 'not real and not faults' tests/ui --snapshot-update

bench: $(VENV)/.dev
	$(PY) -m benchmarks

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find debvisor_tui tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
