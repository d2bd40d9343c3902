# Each target sets itself up on a fresh machine: it needs only Python 3.11+, Java 17+ and Maven.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
FOR ?=

.PHONY: help setup tools servers spark celery demo test bench screenshots lint lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Once: $$(grep -c '==' requirements.lock) packages from PyPI into $(VENV): about 450 MB to fetch, 1.6 GB on the disk, and two to five minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.installed ## make the virtual environment from the lock file

tools:
	@command -v java >/dev/null || { echo "Java is missing: install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"; exit 2; }
	@command -v mvn >/dev/null || { echo "Maven is missing: install it (Debian: apt-get install maven)"; exit 2; }

# Asks before it installs packages of the system. Where nobody can answer, as in CI, it says what it installs.
servers:
	@for needed in postgresql:/usr/lib/postgresql/*/bin/initdb chromium:/usr/bin/chromium; do \
	name=$${needed%%:*}; ls $${needed#*:} >/dev/null 2>&1 && continue; answer=no; \
	if [ "$$(id -u)" = 0 ] && [ -t 0 ]; then printf '%s is missing. Install it as root, with apt-get? [y/N] ' $$name; read -r answer; \
	elif [ "$$(id -u)" = 0 ]; then echo "$$name is missing: installing it as root, with apt-get"; answer=y; fi; \
	case $$answer in [yY]*) apt-get update -qq && apt-get install -y -qq --no-install-recommends $$name >/dev/null && continue;; esac; \
	echo "$$name is missing: its tests are skipped. To run them, install it (Debian: apt-get install $$name)"; \
	done

$(VENV)/.spark: requirements-spark.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes -r requirements.lock -r requirements-spark.lock
	@touch $@

spark: tools $(VENV)/.spark ## install Apache Spark too (450 MB, and 200 for Spark Connect), for SALESINSIGHTS_ENGINE and its tests

$(VENV)/.celery: requirements-celery.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-celery.lock
	@touch $@

celery: $(VENV)/.celery ## install Celery too, for SALESINSIGHTS_CELERY and its tests

demo: setup tools ## run the whole system with a simulated shop; FOR=180 stops after 180 seconds
	$(BIN)/salesinsights demo $(if $(FOR),--for $(FOR))

test: setup tools servers ## run every test, four files at a time
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

bench: setup tools ## run the benchmarks and print a table
	$(BIN)/python -m benchmarks

screenshots: setup tools servers ## take the README's pictures again
	$(BIN)/python docs/screenshots.py

lint: setup ## run ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

LOCKED := uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-strip-extras --no-emit-index-url --no-emit-find-links

LACKS = --constraint requirements.lock $$(sed -n 's/^\([a-z0-9._-]*\)[=[].*/--no-emit-package \1/p' requirements.lock)

lock: setup ## write the lock files again (needs uv): those of Spark and Celery have what the first lacks
	$(LOCKED) --extra avro --extra oidc --extra openlineage --extra postgres --extra dev pyproject.toml -o requirements.lock
	$(LOCKED) --extra spark-connect $(LACKS) pyproject.toml -o requirements-spark.lock
	$(LOCKED) --extra celery $(LACKS) pyproject.toml -o requirements-celery.lock

clean: ## remove the virtual environment and all local data
	rm -rf $(VENV) .salesinsights
