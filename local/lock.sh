#!/usr/bin/env bash
# Resolves requirements/*.txt from pyproject.toml: hashed, universal, without any registry's address.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  local from=pyproject.toml
  case ${1:-} in *.in) from=$1; shift ;; esac
  .venv/bin/uv pip compile "$from" --quiet --python-version 3.13 --universal --no-header \
    --generate-hashes --no-emit-index-url --no-annotate "$@"
}
compile --output-file requirements/runtime.txt
compile --extra local --constraint requirements/runtime.txt --output-file requirements/local.txt
compile --extra dev --constraint requirements/local.txt --output-file requirements/dev.txt
compile --extra dev --extra infra --constraint requirements/dev.txt --output-file requirements/infra.txt
# The emulator of make e2e has an environment of its own: it pins another botocore.
compile requirements/e2e.in --output-file requirements/e2e.txt
# So has what make bench compares with.
compile requirements/bench.in --output-file requirements/bench.txt
