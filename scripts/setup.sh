#!/usr/bin/env bash
# Creates the virtual environment and installs the project into it, from the hashed lock file only.
# Usage: scripts/setup.sh VENV LOCK
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 lock=$2

say() {
    echo "setup: $*"
}

# The widget's scripts are built with it. Debian's npm brings node.
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    scripts/apt.sh npm
fi

# A name on PATH is no proof: pyenv leaves shims that fail when the version is not selected.
find_python() {
    local name
    for name in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    echo "setup: no Python 3.11 or newer was found; install it or name it: make PYTHON=/path/to/python" >&2
    return 1
}

if ! "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
    python=$(find_python)
    # Debian keeps ensurepip, without which `python -m venv` fails, in a package of its own.
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        scripts/apt.sh "python$version-venv"
    fi
    say "making the virtual environment $venv (some seconds)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input)
say "installing $(grep -c '^[a-z].*==' "$lock") packages from $lock (a minute or two the first time)"
"${pip[@]}" install --quiet --quiet --require-hashes -r "$lock"
# The build backend comes from the lock as well, hence no isolation (which would fetch another).
say "installing the gateway, and building the scripts of its pages (half a minute)"
"${pip[@]}" install --quiet --quiet --no-deps --no-build-isolation --editable .
