#!/bin/sh
# Makes the virtual environment in $1 with the packages pinned in constraints.txt; $2 (optional) are extras: "dev".
# Debian ships Python without ensurepip: where it is missing, python3-venv is installed (as root) or asked for.
set -eu

venv=$1
extras=${2:-}
python=${PYTHON:-python3}
home=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "There is no $python. Install Python 3.11 or newer: apt-get install python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Python 3.11 or newer is needed. Name another one: make … PYTHON=python3.12"

# A venv that was cut short, or whose Python is gone, is made anew.
if [ ! -x "$venv/bin/pip" ] || ! "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
        [ "$(command -v "$python")" != /usr/bin/python3 ] || package=python3-venv
        if ! command -v apt-get >/dev/null 2>&1; then
            fail "$python cannot make virtual environments: its ensurepip is missing." \
                "Install it with your system's packages (on Debian: $package), then try again."
        elif [ "$(id -u)" = 0 ]; then
            root=
        elif sudo -n true >/dev/null 2>&1; then
            root="sudo -n"
        else
            fail "$python cannot make virtual environments: Debian's package $package is missing." \
                "Install it, then try again: sudo apt-get install $package"
        fi
        say "$python has no ensurepip: installing Debian's package $package"
        log=$(mktemp)
        trap 'rm -f "$log"' EXIT
        { $root apt-get update -q && $root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -q --no-install-recommends "$package"; } >"$log" 2>&1 ||
            { cat "$log" >&2; fail "$package could not be installed: see above."; }
    fi
    say "Making $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "$venv could not be made: see above."
fi

pip_install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
        --constraint "$home/constraints.txt" "$@"
}

say "Installing the pinned packages into $venv"
# Without build isolation the build's own tool is pinned like everything else.
pip_install setuptools && pip_install --no-build-isolation --editable "$home${extras:+[$extras]}" ||
    fail "The packages could not be installed: see above. Is the package index reachable from here?"

# Textual starts four times slower without its .pyc files. Some packages carry templates that are no valid Python.
"$venv/bin/python" -m compileall -q -j 0 "$venv/lib" "$home/debvisor_tui" >/dev/null 2>&1 || true
