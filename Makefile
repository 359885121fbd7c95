.DEFAULT_GOAL := help
.PHONY: help setup run test check bench openapi lock
PORT ?= 8080
PY := .venv/bin/python

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv from the hashed lock (the other commands call it)
	@local/setup.sh

run: setup ## run the whole product on this machine, http://127.0.0.1:$(PORT)
	@PORT=$(PORT) exec $(PY) -m local.run

test: setup ## run every test that needs no extra system package
	@$(PY) -m pytest -q $(ARGS)

check: setup ## ruff, mypy strict, import-linter, bandit, secrets scan
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/bandit -q -c pyproject.toml -r layers/core/python functions local
	@git ls-files -z | xargs -0 .venv/bin/detect-secrets-hook --disable-plugin KeywordDetector \
	  --exclude-files '^(requirements|tests/vectors)/'

bench: setup ## ratios, each measured side by side in one run
	@$(PY) -m tests.bench

openapi: setup ## rewrite functions/pages/openapi.json from the functions
	@$(PY) -m local.openapi

lock: setup ## resolve the hashed locks again after a change to pyproject.toml
	@local/lock.sh
