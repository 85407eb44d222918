# Everything here works on a machine with Python >= 3.12, make and git alone; `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= 2
B ?=
P ?=
ARGS ?=
PACKAGES = $(shell git ls-files '*.py' | cut -d/ -f1 -s | sort -u)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_PYTHON_VERSION_WARNING := 1

.PHONY: help run test check format bench proof browser-libraries system-packages clean

help: ## Lists the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## Starts everything on this machine: PORT=9000 moves the web port, DATA_DIR=… moves var/
	@exec $(PY) manage.py up

test: $(VENV)/dev.stamp system-packages browser-libraries ## Runs every test: ARGS=tests/unit or ARGS="-k name" picks some
	@$(PY) -m pytest -q -n $(JOBS) --dist worksteal $(ARGS)

check: $(VENV)/dev.stamp ## Runs the linters, type checks and contracts; all of them, even if one fails
	@$(MAKE) --keep-going $(CHECKS)

CHECKS := check-lint check-format check-types check-imports check-dependencies check-templates check-migrations check-api

check-lint:
	@echo "Lint" && $(VENV)/bin/ruff check --quiet .

check-format:
	@echo "Format" && $(VENV)/bin/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }

check-types:
	@echo "Types" && $(VENV)/bin/mypy --no-error-summary $(PACKAGES)

check-imports:
	@echo "Import contracts" && $(VENV)/bin/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

check-dependencies:
	@echo "Dependencies" && $(VENV)/bin/deptry --no-ansi . 2> $(VENV)/deptry.log || { cat $(VENV)/deptry.log; exit 1; }

check-templates:
	@echo "Templates" && $(VENV)/bin/djlint --quiet --lint frontend/templates
	@git ls-files -z 'frontend/templates/*.html' | xargs -0 -r $(VENV)/bin/djade --check --target-version 6.1

check-migrations:
	@echo "Migrations" && $(PY) -W ignore manage.py makemigrations --check --dry-run

check-api:
	@echo "API schema" && $(PY) -W ignore manage.py spectacular --validate --fail-on-warn --file /dev/null

.PHONY: $(CHECKS)

format: $(VENV)/dev.stamp ## Formats Python and templates, and mends what ruff can
	@$(VENV)/bin/ruff check --fix --quiet . || true
	@$(VENV)/bin/ruff format --quiet .
	@git ls-files -z 'frontend/templates/*.html' | xargs -0 -r $(VENV)/bin/djade --target-version 6.1

bench: $(VENV)/dev.stamp system-packages ## Runs the benchmarks: B=send picks one
	@$(PY) -m benchmarks $(B)

proof: $(VENV)/dev.stamp system-packages ## Runs a long proof: P=faults, engine, pacing or abtests
	@test -n "$(P)" || { echo "Which proof? For example: make proof P=faults"; exit 2; }
	@$(PY) -m benchmarks proof_$(P)

browser-libraries: $(VENV)/run.stamp
	@$(PY) -m frontend.vendor

system-packages:
	@.ci/system-packages

clean: ## Deletes what was installed and built; var/ with its data stays
	@rm -rf $(VENV) frontend/node_modules frontend/static_vendor .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/venv.stamp:
	@python=$$(.ci/find-python) && "$$python" -m venv $(VENV) \
		|| { echo "No virtual environment could be made: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/run.stamp: requirements.txt | $(VENV)/venv.stamp
	@echo "Installing requirements …" && $(PY) -m pip install -qq -r requirements.txt && touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	@echo "Installing development requirements …" && $(PY) -m pip install -qq -r requirements-dev.txt && touch $@
