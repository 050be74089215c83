# Everything a stranger needs: each target sets up .venv by itself, and again only when pyproject.toml has changed.

.DEFAULT_GOAL := help
.PHONY: help demo test faults model bench lint set-up

BIN := .venv/bin
ARGS ?=
NAMES ?=
ROWS ?=
SEEDS ?= 1
PROCESSES ?= 3

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: .venv/.ready  ## the whole way on an embedded broker, with a mock endpoint and a token server, live
	@$(BIN)/streams demo $(ARGS)

test: .venv/.ready  ## every test that this machine can run; says which it could not run and why (ARGS="-k name", PROCESSES=0)
	@$(BIN)/python -m tests.brokers.kafka --fetch || true
	@$(BIN)/python -m pytest -n $(PROCESSES) $(ARGS)

faults: .venv/.ready  ## the fault matrix on a real Kafka (ROWS="K1 K4" for some, SEEDS=3)
	@$(BIN)/python -m tests.faults $(ROWS) --seeds $(SEEDS) $(ARGS)

model: .venv/.ready  ## hold real workers against a model of the laws: random streams, documents and kills (ARGS="--seed 2")
	@$(BIN)/python -m tests.model $(ARGS)

bench: .venv/.ready  ## measure against a bare loop (NAMES="..." for some, ARGS="--where latency_ms=0")
	@$(BIN)/python -m tests.bench $(NAMES) $(ARGS)

lint: .venv/.ready  ## ruff and mypy over everything
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

set-up: .venv/.ready  ## only set up .venv

.venv/.ready: pyproject.toml
	@.ci/set-up
	@touch $@
