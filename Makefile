# Everything a stranger needs: each target sets up .venv by itself, and again only when pyproject.toml has changed.

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint set-up

BIN := .venv/bin
ARGS ?=
NAMES ?=

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile | expand -t 16

demo: .venv/.ready  ## the whole way on an embedded broker, with a mock endpoint and a token server, live
	@$(BIN)/streams demo $(ARGS)

test: .venv/.ready  ## every test that this machine can run; says which it could not run and why (ARGS="-k name")
	@$(BIN)/python -m tests.brokers.kafka --fetch || true
	@$(BIN)/python -m pytest $(ARGS)

bench: .venv/.ready  ## measure against a bare loop (NAMES="..." for some)
	@$(BIN)/python -m tests.bench $(NAMES)

lint: .venv/.ready  ## ruff and mypy over everything
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

set-up: .venv/.ready  ## only set up .venv

.venv/.ready: pyproject.toml
	@.ci/set-up
	@touch $@
