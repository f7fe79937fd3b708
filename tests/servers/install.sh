# shellcheck shell=sh
# Read by the `run` scripts beside: what they need, and installing it once.
# Must stay true: two runs at once, of one clone or of two that share a folder, install once and start from a whole install;
# nothing but the programs' own package managers is asked for packages; standard output belongs to the server.

here=${here:?the folder of the script that reads this}

fail() {
    printf '%s: %s\n' "$(basename "$here")" "$1" >&2
    [ -z "${2:-}" ] || printf '    %s\n' "$2" >&2
    exit 1
}

need() {
    for program; do
        command -v "$program" >/dev/null 2>&1 || fail "$program is missing; this installs what the test servers need:" "script/bootstrap --tests"
    done
}

# Runs $2 (a function in a shell of its own) with the folder "$1/installed", unless it was finished there for the same pins (the
# contents of the file $3). The lock is the kernel's: an install that is killed leaves none, and the next one begins anew.
once() {
    need flock cksum
    mkdir -p "$1" || fail "can't make the folder $1"
    (
        flock 9
        pins=$(cksum <"$3")
        [ "$(cat "$1/finished" 2>/dev/null)" != "$pins" ] || exit 0
        printf '%s: installing into %s, once\n' "$(basename "$here")" "$1" >&2
        rm -rf "$1/finished" "$1/installed"
        mkdir "$1/installed"
        "$2" "$1/installed" </dev/null >&2 9>&-
        printf '%s\n' "$pins" >"$1/finished"
    ) 9>"$1/lock"
}

# An install for `once`: a virtual environment with what requirements.txt pins.
python_packages() (
    need python3
    python3 -c 'import ensurepip' 2>/dev/null || fail "python3 has no venv; this installs it:" "script/bootstrap --tests"
    python3 -m venv "$1" || fail "python3 -m venv failed in $1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" ||
        fail "pip could not install the packages; is the network there? it is needed once"
)
