#!/usr/bin/env bash
# Makes sure that a Chromium is there for the browser tests.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
scripts/apt.sh chromium
if ! command -v chromium >/dev/null; then
    echo "setup: the package chromium brought no command of that name; the browser tests need one" >&2
    exit 1
fi
