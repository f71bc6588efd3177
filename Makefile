# `make help` lists the targets. Everything is installed into .venv; nothing outside this folder is touched but the cache
# of the development broker (jars), which `sluicegate broker` keeps in the user's cache folder.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-slow test-docker check fmt bench bench-keep bench-others faults clean lint types imports wheel-test

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/.ready ## an agent's day at the gate, on a real Apache Kafka
	@$(BIN)/sluicegate demo

test: $(VENV)/.ready-dev ## run the tests, on a real Apache Kafka (about 15 minutes)
	$(BIN)/python -m pytest -m "not slow and not docker and not thorough" $(PYTEST_FLAGS)

test-slow: $(VENV)/.ready-dev ## the long ones: demo, play and gates killed again and again (about 5 minutes)
	$(BIN)/python -m pytest -m "slow and not docker" $(PYTEST_FLAGS)

test-docker: $(VENV)/.ready-dev ## the gate on containers, and the compose file for real (needs docker and its images)
	$(BIN)/python -m pytest -m docker $(PYTEST_FLAGS)

check: lint types imports wheel-test ## the whole truth: format, lint, types, imports, tests of the built wheel

fmt: $(VENV)/.ready-dev ## format and mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.ready-dev ## measure on this machine, with a real Apache Kafka (BENCH_FLAGS="--only latency,restore")
	$(BIN)/python -m benchmarks --json .bench/results.json $(BENCH_FLAGS)

bench-keep: $(VENV)/.ready-dev bench-others ## measure everything, and write results, plots and README's tables
	$(BIN)/python -m benchmarks --json benchmarks/results.json $(BENCH_FLAGS)
	$(BIN)/python -m benchmarks.publish

# In an environment of their own: they want other versions of the Kafka client.
bench-others: .venv-bench/.ready ## install what the benchmarks compare with, and their sampler

.venv-bench/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q -U pip
	.venv-bench/bin/python -m pip install -q --group bench
	@touch $@

faults: $(VENV)/.ready-dev ## break the gate for three quarters of an hour and judge what is left (writes fault-results.json)
	$(BIN)/python -m faults --json fault-results.json $(FAULTS_FLAGS)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose/compose.yaml

types: $(VENV)/.ready-dev .typetree
	$(BIN)/mypy
	$(BIN)/pyright

imports: $(VENV)/.ready-dev .typetree
	PYTHONPATH=.typetree $(BIN)/lint-imports

# CI and users run what is in the wheel, not what lies in the checkout: so must the tests.
wheel-test: $(VENV)/.ready-dev
	rm -rf dist build *.egg-info .wheel
	$(BIN)/python -m build --quiet
	$(PYTHON) -m venv .wheel/venv
	.wheel/venv/bin/python -m pip install -q -U pip
	.wheel/venv/bin/python -m pip install -q --group dev "$$(ls dist/*.whl)[all]"
	mkdir -p .wheel/run && cp -r tests examples faults README.md CHANGELOG.md pyproject.toml .wheel/run/
	cd .wheel/run && SLUICEGATE_TREE=$(CURDIR) ../venv/bin/python -m pytest -m "not slow and not docker and not once" $(PYTEST_FLAGS)

clean: ## remove what was built and installed here
	rm -rf $(VENV) .venv-bench .bench .typetree .wheel build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sluicegate needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -U pip

$(VENV)/.ready: $(VENV)/bin/python pyproject.toml
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -e '.[all]' # setuptools has opinions on data folders
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install -q --group dev
	@touch $@

# mypy and pyright do not know the folder mapping of pyproject.toml: this tree of links shows them the package as installed.
.typetree: pyproject.toml
	mkdir -p $@/sluicegate
	for folder in streams schemas processors; do ln -sfn ../../$$folder $@/sluicegate/$$folder; done
	for file in __init__.py __main__.py py.typed; do ln -sfn ../../streams/_root/$$file $@/sluicegate/$$file; done
	@touch $@
