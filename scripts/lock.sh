#!/usr/bin/env bash
# Writes requirements.lock: current versions of everything, for every platform, with hashes.
# Nothing of this machine's package index gets into it (uv would read its own configuration only;
# even that is switched off).
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/uv pip compile pyproject.toml \
    --extra dev --universal --python-version 3.11 --generate-hashes --upgrade \
    --no-config --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
    --custom-compile-command 'make lock' --output-file requirements.lock
if grep -nE '://|^-|^[^#]* @ |file:' requirements.lock; then
    echo 'lock: requirements.lock names an index, an address or a path; not usable' >&2
    exit 1
fi
