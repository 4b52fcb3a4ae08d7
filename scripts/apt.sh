#!/usr/bin/env bash
# Installs Debian packages, with sudo when not root. Usage: scripts/apt.sh PACKAGE...
set -euo pipefail

if ! command -v apt-get >/dev/null; then
    echo "setup: please install by hand (there is no apt-get here): $*" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: please install as root (there is no sudo here): apt-get install $*" >&2
        exit 1
    fi
    as_root=(sudo)
fi
echo "setup: installing $* with apt-get"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null
