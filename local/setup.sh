#!/usr/bin/env bash
# Makes .venv from a hashed lock (dev, or infra, which is dev and more) with Python 3.13, once per lock; prints nothing
# when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

lock=requirements/${1:-dev}.txt
wanted=$(cat .python-version)
stamp=.venv/.ready-${1:-dev}
key=$(cat .python-version "$lock" pyproject.toml | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && exit 0

is_wanted() {
  [ "$("$@" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$wanted" ]
}

find_python() {
  for candidate in "${PHIVAULT_PYTHON:-}" "python$wanted" python3 python; do
    [ -n "$candidate" ] && is_wanted "$candidate" && { command -v "$candidate"; return; }
  done
  if command -v uv >/dev/null 2>&1; then
    uv python find "$wanted" 2>/dev/null && return
    echo "phivault: fetching Python $wanted with uv" >&2
    uv python install "$wanted" >&2 && uv python find "$wanted" && return
  fi
  cat >&2 <<EOT
phivault needs Python $wanted and found none.
Install it (python.org, your package manager, pyenv, or: uv python install $wanted),
or name one: PHIVAULT_PYTHON=/path/to/python$wanted make run
EOT
  return 1
}

python=$(find_python)
echo "phivault: setting up .venv with $("$python" --version) (about a minute, once)" >&2
[ -x .venv/bin/python ] && is_wanted .venv/bin/python || { rm -rf .venv; "$python" -m venv .venv; }
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
echo "$key" > "$stamp"
