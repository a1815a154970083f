# `make run` serves the demo; `make test` runs every test; `make help` lists the rest.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
NPM := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard tests/npm/*/package-lock.json))

.PHONY: help setup run test faults images simulate fuzz timing audit check format lock docs site bench soak

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## the environment, from the lock file, at .venv

$(STAMP): requirements.lock pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Nambari needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 setup")'
	@$(PYTHON) -m venv .venv || { echo "This Python has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the locked dependencies into .venv …"
	@grep -A 40 '^uv==' requirements.lock | awk 'NR > 1 && /^[a-z]/ {exit} {print}' > .venv/uv.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable clients/python
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm >/dev/null || { echo "The tests need npm, for what customers use in JavaScript, for what looks at the console's pages and for the mock of carriers, and there is none here; on Debian: apt-get install nodejs npm" >&2; exit 1; }
	@echo "Installing the locked packages into $*/node_modules …"
	@cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

run: setup ## the demo: PostgreSQL, inventory, keys, curl lines, the service
	@NAMBARI_DATA_DIR="$${NAMBARI_DATA_DIR:-$(CURDIR)/.nambari}" $(BIN)/nambari demo

test: setup $(NPM) ## every test, in as many processes as there are processors
	@$(BIN)/pytest --numprocesses logical --maxprocesses 4 --dist loadfile

faults: setup ## the tests of faults, with the long waits that continuous integration spares itself
	@FAULTS_STOPPED_SECONDS=30 FAULTS_RESTARTS=5 $(BIN)/pytest tests/faults

images: setup $(NPM) ## take the pictures of docs/images anew
	@IMAGES=docs/images $(BIN)/pytest tests/console/test_pictures.py

simulate: setup ## random customers, crashes and time, until interrupted; SEED=n [STEPS=n] plays one story
	@$(BIN)/python -m tests.simulate $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS))

fuzz: setup ## strangers: schemathesis in sequences for MINUTES=30, one by one for less, then any bytes; SEED=n for other ones
	@FUZZ_MINUTES=$(or $(MINUTES),30) SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/pytest --timeout 0 tests/api/test_openapi.py tests/security/test_bytes.py

timing: setup ## how long a refusal takes for what is another's, and for what does not exist
	@$(BIN)/python -m tests.security.timing

audit: setup $(NPM) ## known holes in what we stand on; needs the internet, and fails where it reached no list of them
	@$(BIN)/python -m devtools.audit $(if $(OSV_URL),--osv-url $(OSV_URL)) $(if $(NPM_REGISTRY),--npm-registry $(NPM_REGISTRY))

check: setup ## format, lint, types, import rules, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m devtools.documents --check

format: setup ## let ruff put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup ## write the generated documents anew
	$(BIN)/python -m devtools.documents

site: setup ## the documents as a site, into build/site; a warning is an error
	@$(BIN)/python -m devtools.site

bench: setup ## measure, beside what bounds us
	$(BIN)/python -m bench
	$(BIN)/python -m bench.routing
	$(BIN)/python -m bench.calls
	$(BIN)/python -m bench.stocking
	$(BIN)/python -m bench.delivering
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.processes

soak: setup ## an ordinary day at half the limit; MINUTES=30
	$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),30)

COMPILE = $(BIN)/uv pip compile --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --quiet
IMAGE = deploy/container

lock: ## resolve the dependencies anew
	$(COMPILE) pyproject.toml --group dev --no-emit-package nambari-client --upgrade --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra mcp --extra traces --no-emit-package nambari-client --upgrade --constraint requirements.lock --output-file $(IMAGE)/requirements.lock
	printf 'hatchling\nuv\n' | $(COMPILE) - --upgrade --constraint requirements.lock --output-file $(IMAGE)/build.lock
