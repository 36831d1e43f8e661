.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLEET ?= 0
MINUTES ?= 1
PARSER ?=
export PYTHONDONTWRITEBYTECODE ?=

help: ## what can be done here
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## the virtual environment with everything a developer needs
	@deploy/system-packages dev

$(VENV)/.run: requirements/run.txt pyproject.toml
	@deploy/make-venv $(PYTHON) $(VENV) run
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	@deploy/make-venv $(PYTHON) $(VENV) dev
	@touch $@ $(VENV)/.run

run: $(VENV)/.run ## collector, console and this machine's agent; FLEET=200 adds simulated devices
	@deploy/system-packages run
	@$(BIN)/python -m deploy.run --fleet $(FLEET)

test: setup ## all tests: PostgreSQL and browser ones too
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@deploy/all-tests

windows: $(VENV)/.dev ## the agent's tests again, by a Windows Python under wine
	@deploy/windows-tests

quick: $(VENV)/.dev ## the tests that take under a second each, without lint
	@$(BIN)/pytest -x -q -m "not browser and not chaos"

lint: $(VENV)/.dev ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: setup ## the figures of docs/performance.md, as a table and as JSON
	@deploy/system-packages bench
	@$(BIN)/python -m bench

pictures: setup ## every page as every role, light, dark, phone and paper: var/pictures/index.html
	@$(BIN)/python -m tests.console.pictures var/pictures

fuzz: setup ## examples the tests do not take; every parser of outside data, MINUTES=1 each; PARSER=smart only those of that name
	@[ -n "$(PARSER)" ] || $(BIN)/pytest -q -m hypothesis --hypothesis-profile=others
	@[ -n "$(PARSER)" ] || TOCSIN_EVERY_TEXT=1 $(BIN)/pytest -q tests/console/test_hostile_ways_out.py -k every_text
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/fuzz.txt || echo "no atheris here: mutations alone"
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) --only "$(PARSER)"

chaos: setup ## kill, cut and copy, and compare the ledger (long run)
	@$(BIN)/python -m bench.chaos

protos: $(VENV)/.dev ## regenerate protos/*_pb2* from protos/*.proto
	@$(BIN)/python -m protos.build

docs: $(VENV)/.dev ## regenerate docs/probes.md, docs/metrics.md, docs/rules.md
	@$(BIN)/python -m docs.build

wheel: $(VENV)/.dev ## dist/tocsin-*.whl, for machines without a checkout
	@$(BIN)/python -m hatchling build -t wheel

lock: ## resolve the pinned, hashed requirements anew (needs uv)
	@deploy/lock

clean: ## remove the virtual environment, the Windows lane and everything 'make run' kept
	rm -rf $(VENV) .windows var

.PHONY: help setup run test windows quick lint bench pictures fuzz chaos protos docs wheel lock clean
