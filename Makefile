# Everything a developer types. Needs Python 3.11+ and make; the rest goes into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SYNCED := $(VENV)/.synced
UV := UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv
SOURCES := shared/src services/api/src services/worker/src services/scheduler/src cli/src
MEMBERS := -e shared -e services/api -e services/worker -e services/scheduler -e 'cli[local]'
SPECTRAL := @stoplight/spectral-cli@6.16.3
MUTMUT := mutmut==3.8.1
ARGS ?=
JOBS ?= 4
DOCKER ?= docker
IMAGE_ARGS ?=
VERSION = $(shell awk -F '"' '/^version = / { print $$2; exit }' pyproject.toml)
REVISION = $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)

.DEFAULT_GOAL := help
.PHONY: help install up observe test e2e fuzz chaos mutants lint types imports monitoring openapi ci fix bench bench-compare clean images chart manifests reference docs loadtest loadtest-image version licences audit wheels lowest

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo "  ARGS=… is passed on, as in: make up ARGS='--workers 4'   make test ARGS='-k retry'"

install: $(SYNCED) ## Set up .venv with the locked dependencies
	@echo "Ready. Next: make up"

up: $(SYNCED) ## Start the whole yard on this machine; Ctrl-C drains and stops it
	@exec $(BIN)/jobyard up $(ARGS)

observe: $(SYNCED) ## Start the yard under a small load, with a Prometheus that watches it
	@PYTHONPATH=helm exec $(BIN)/python -m monitoring.observe $(ARGS)

test: $(SYNCED) ## Run all tests, JOBS at a time (on Valkey; where it matters on redis-server too)
	$(BIN)/pytest -n $(JOBS) $(ARGS)

loadtest: $(SYNCED) ## Drive a yard of its own for two minutes, account for every job, report
	PYTHONPATH=loadtest $(BIN)/python -m loadlab run $(ARGS)

e2e: $(SYNCED) ## Run the tests on a real cluster (KUBECONFIG, or the one beside this repository)
	PYTHONPATH=tests $(BIN)/python -m e2e $(ARGS)

fuzz: $(SYNCED) ## Send the API what its OpenAPI document allows and what it does not (long)
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

chaos: $(SYNCED) ## Kill and disturb everything, everywhere; prints one table (hours)
	PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

mutants: $(SYNCED) ## Break the code in one place at a time: which breaks does no test notice? (ARGS=retry)
	PYTHONPATH=tests $(UV) run --quiet --no-sync --with $(MUTMUT) python -m mutants $(ARGS)

lint: $(SYNCED) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(SYNCED) ## Check types
	$(BIN)/mypy $(SOURCES) tests loadtest/loadlab loadtest/model loadtest/locustfile.py helm/monitoring docs/reference \
		$(wildcard bench/*.py helm/*.py helm/jobyard/files/*.py release/*.py)

imports: $(SYNCED) ## Check that imports follow the arrows of the design
	$(BIN)/lint-imports

monitoring: $(SYNCED) ## Write dashboards and rules of helm/monitoring into the chart
	PYTHONPATH=helm $(BIN)/python -m monitoring $(ARGS)

openapi: ## Check the OpenAPI document against .spectral.yaml; needs npm (Node.js)
	@if command -v npx >/dev/null; then \
		npx --yes $(SPECTRAL) lint --quiet --fail-severity=warn docs/openapi.json; \
	elif [ "$$CI" = true ]; then echo "npx is not installed (apt-get install npm)" >&2; exit 1; \
	else echo "npx is not installed: docs/openapi.json is only checked by the tests" >&2; fi

reference: $(SYNCED) ## Write the pages of docs/ that are generated from the code
	PYTHONPATH=docs:helm $(BIN)/python -m reference

docs: $(SYNCED) ## Build the site of docs/ into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(UV) run --quiet --isolated --locked --only-group docs mkdocs build --strict

images: ## Build the images of the services; needs Docker (IMAGE_ARGS='--build-arg BASE_IMAGE=…')
	@set -e; for each in api worker scheduler; do \
		$(DOCKER) build --file services/$$each/Dockerfile --tag jobyard-$$each:$(VERSION) \
			--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(IMAGE_ARGS) .; \
	done

loadtest-image: ## Build the image of the load lab, for a Job in a cluster; needs Docker
	$(DOCKER) build --file loadtest/Dockerfile --tag jobyard-loadtest:$(VERSION) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(IMAGE_ARGS) .

ci: lint types imports openapi docs test ## Run everything that must be green

fix: $(SYNCED) ## Mend style and formatting where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(SYNCED) ## Measure everything, beside other queues (one: ARGS='worker --scale 0.1')
	$(BIN)/python bench/gather.py $(ARGS)

bench-compare: $(SYNCED) ## Measure this tree and an earlier commit in turn: REF=…
	@test -n "$(REF)" || { echo "name a commit: make bench-compare REF=HEAD~1" >&2; exit 2; }
	$(BIN)/python bench/compare.py $(REF) $(ARGS)

chart: $(SYNCED) ## Write the chart's schema and table of values from its values.yaml
	$(BIN)/python helm/values_reference.py

manifests: $(SYNCED) ## Render the chart into k8s/
	$(BIN)/python helm/manifests.py "$$(PYTHONPATH=tests $(BIN)/python -c 'from support.kube_tools import helm; print(helm())')"

version: $(SYNCED) ## Write the version into packages, chart and docs (VERSION=1.2.3 sets it)
	$(BIN)/python release/version.py $(VERSION)
	$(UV) lock --quiet
	@$(MAKE) --no-print-directory install manifests reference

wheels: $(SYNCED) ## Build all packages into dist/, and try them in empty environments
	$(BIN)/python release/wheels.py

licences: $(SYNCED) ## List the licences of all dependencies; fails where one may not be shipped
	$(BIN)/python release/licences.py

lowest: $(SYNCED) ## Run tests with the oldest dependencies that our packages allow (ARGS=tests/unit)
	@$(UV) venv --quiet --clear .venvs/lowest
	@$(UV) pip install --quiet --python .venvs/lowest --group dev
	@$(UV) pip install --quiet --python .venvs/lowest --upgrade --resolution lowest-direct $(MEMBERS)
	.venvs/lowest/bin/pytest -p no:anyio $(ARGS)

audit: $(SYNCED) ## Ask OSV for known vulnerabilities in all that uv.lock names; needs the internet
	$(UV) audit --locked --preview-features audit-command

clean: ## Remove .venv, caches and the local store's data
	rm -rf .venv .venvs bench/.venvs .jobyard .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist htmlcov site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp makes a second call quick; uv itself comes from PyPI in the version that uv.lock names.
$(SYNCED): uv.lock pyproject.toml $(wildcard */pyproject.toml services/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "$(PYTHON) is missing or older than 3.11. Install Python 3.11+, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) -m venv failed. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@version="$$(awk '/^name = "uv"$$/ { getline; gsub(/"/, "", $$3); print $$3; exit }' uv.lock)"; \
	$(BIN)/uv --version 2>/dev/null | grep -q "^uv $$version" || $(BIN)/pip install --quiet --disable-pip-version-check "uv==$$version"
	$(UV) sync --locked --quiet
	@touch $@
