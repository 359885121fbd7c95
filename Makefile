.DEFAULT_GOAL := help
.PHONY: help setup run test check bench synth e2e openapi lock
PORT ?= 8080
WORKERS ?= 2
PYTEST ?= pytest
PY := .venv/bin/python

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv from the hashed lock (the other commands call it)
	@local/setup.sh

run: setup ## run the whole product on this machine, http://127.0.0.1:$(PORT)
	@PORT=$(PORT) exec $(PY) -m local.run

test: setup ## run every test that needs no extra system package, in $(WORKERS) processes
	@$(PY) -m $(PYTEST) -q -m "not infra" -n $(WORKERS) --dist loadfile $(ARGS)

check: ## ruff, mypy strict, import-linter, Cedar policies, bandit, secrets scan
	@local/setup.sh infra
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@$(PY) -m local.policies
	@.venv/bin/bandit -q -c pyproject.toml -r layers/core/python functions local infra
	@git ls-files -z | xargs -0 .venv/bin/detect-secrets-hook --disable-plugin KeywordDetector \
	  --exclude-files '^(requirements|tests/vectors)/'

bench: setup ## ratios, each measured side by side in one run
	@$(PY) -m tests.bench

synth: ## CDK templates of both profiles through cdk-nag and cfn-lint, and their tests (needs Node)
	@local/setup.sh infra
	@$(PY) -m infra.layers
	@$(PY) -m infra.synth
	@$(PY) -m pytest -q -m infra -n $(WORKERS) --dist loadfile tests/infra

e2e: ## deploy the templates to an emulated account with IAM on, play the story, attack retention (needs Node)
	@local/setup.sh infra
	@$(PY) -m tests.e2e

openapi: setup ## rewrite functions/pages/openapi.json and docs/audit-actions.md from the code
	@$(PY) -m local.openapi
	@$(PY) -m local.audit_actions

lock: setup ## resolve the hashed locks again after a change to pyproject.toml
	@local/lock.sh
