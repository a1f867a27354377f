#!/bin/sh
# mypy --strict over all Python here. Each test folder by itself: its helpers and conftest.py are modules of its own.
set -eu
cd "$(dirname "$0")/.."
mypy=${MYPY:-.venv/bin/mypy}

$mypy debvisor_tui
$mypy scripts/*.py tests/*.py
for folder in tests/*/ benchmarks/; do
    if [ -e "$folder/__init__.py" ]; then
        $mypy "$folder"
    elif ls "$folder"*.py >/dev/null 2>&1; then
        MYPYPATH=$folder:tests/support:scripts $mypy "$folder"
    fi
done
