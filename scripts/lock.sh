#!/usr/bin/env bash
# Writes requirements.lock (everything), requirements.audit.lock beside it, and
# deploy/requirements.lock (what runs in the container): current versions, for every platform, with
# hashes.
# Nothing of this machine's package index gets into them (uv would read its own configuration only;
# even that is switched off).
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile pyproject.toml \
        --universal --python-version 3.11 --generate-hashes \
        --no-config --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
        --custom-compile-command 'make lock' "$@"
}

compile --extra dev --upgrade --output-file requirements.lock
compile --extra audit --upgrade --constraint requirements.lock --output-file requirements.audit.lock
# The same versions as everywhere else.
compile --extra openai --extra otel --constraint requirements.lock \
    --output-file deploy/requirements.lock
locks=(requirements.lock requirements.audit.lock deploy/requirements.lock)
if grep -nE '://|^-|^[^#]* @ |file:' "${locks[@]}"; then
    echo 'lock: a lock file names an index, an address or a path; not usable' >&2
    exit 1
fi
