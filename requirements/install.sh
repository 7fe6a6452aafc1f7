#!/bin/sh
# Makes .venv and installs the locked packages, only when the lock, setup.cfg, Python or the folder changed.
# Called by the Makefile: sh requirements/install.sh runtime|development
set -u

what=$1
venv=.venv
python=$venv/bin/python

say() { printf '%s\n' "payclear: $*" >&2; }
refuse() { say "$@"; exit 2; }

usable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if command -v "$name" >/dev/null 2>&1 && usable "$name"; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    return 1
}

explain_python() {
    name=${PYTHON:-python3}
    if ! command -v "$name" >/dev/null 2>&1; then
        refuse "Python is missing. Install Python 3.11, 3.12 or 3.13 and run make again."
    fi
    found=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || printf 'unknown')
    refuse "payclear needs Python 3.11, 3.12 or 3.13; $name here is $found. Install one of them, or name it: make PYTHON=/path/to/python3.13 run"
}

fingerprint() {
    {
        pwd
        "$python" -c 'import sys; print(sys.version)'
        cat requirements/runtime.txt setup.cfg pyproject.toml
        [ "$1" = development ] && cat requirements/development.txt
    } 2>/dev/null | cksum
}

is_current() {
    usable "$python" && [ -f "$venv/.installed-$1" ] &&
        [ "$(fingerprint "$1")" = "$(cat "$venv/.installed-$1")" ]
}

if is_current "$what" || { [ "$what" = runtime ] && is_current development; }; then
    exit 0
fi

[ -w . ] || refuse "There is no permission to write to $(pwd): clone payclear into a folder of your own."

chosen=$(find_python) || explain_python
"$chosen" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
    refuse "$chosen has no venv module. On Debian or Ubuntu: apt-get install python3-venv"

# A virtual environment that was moved here, or whose Python is gone, is made anew.
if [ -e "$venv" ] && ! { usable "$python" && [ "$(cat "$venv/.folder" 2>/dev/null || pwd)" = "$(pwd)" ]; }; then
    say "making $venv anew"
    rm -rf "$venv"
fi
if [ ! -x "$python" ]; then
    say "making the virtual environment with $("$chosen" --version)"
    "$chosen" -m venv "$venv" || refuse "The virtual environment $venv could not be made; the lines above say why."
fi
pwd >"$venv/.folder" || refuse "There is no permission to write to $(pwd)/$venv."

say "installing the locked $what packages"
rm -f "$venv/.installed-$what"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --require-hashes --only-binary :all: \
    --requirement "requirements/$what.txt" ||
    refuse "The packages could not be installed; the lines above say why. Is the network there?"
# setuptools writes pages of advice about editable installs: shown only when it fails.
said=$(PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --no-deps --no-build-isolation --no-index \
    --editable . 2>&1) || { printf '%s\n' "$said" >&2; refuse "payclear itself could not be installed; the lines above say why."; }
fingerprint "$what" >"$venv/.installed-$what"
