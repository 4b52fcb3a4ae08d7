#!/usr/bin/env bash
# Writes requirements.lock, and requirements.audit.lock beside it: current versions of everything,
# for every platform, with hashes.
# Nothing of this machine's package index gets into it (uv would read its own configuration only;
# even that is switched off).
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/uv pip compile pyproject.toml \
    --extra dev --universal --python-version 3.11 --generate-hashes --upgrade \
    --no-config --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
    --custom-compile-command 'make lock' --output-file requirements.lock
.venv/bin/uv pip compile pyproject.toml \
    --extra audit --universal --python-version 3.11 --generate-hashes --upgrade \
    --constraint requirements.lock --no-config --no-emit-index-url --no-emit-find-links \
    --no-annotate --quiet --custom-compile-command 'make lock' --output-file requirements.audit.lock
if grep -nE '://|^-|^[^#]* @ |file:' requirements.lock requirements.audit.lock; then
    echo 'lock: a lock file names an index, an address or a path; not usable' >&2
    exit 1
fi
