#!/usr/bin/env bash
# Resolves requirements/*.txt from pyproject.toml: hashed, universal, without any registry's address.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile pyproject.toml --quiet --python-version 3.13 --universal --no-header \
    --generate-hashes --no-emit-index-url --no-annotate "$@"
}
compile --output-file requirements/runtime.txt
compile --extra local --constraint requirements/runtime.txt --output-file requirements/local.txt
compile --extra dev --constraint requirements/local.txt --output-file requirements/dev.txt
compile --extra dev --extra infra --constraint requirements/dev.txt --output-file requirements/infra.txt
