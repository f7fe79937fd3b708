#!/bin/sh
# Writes the reader's sentence encoder, models/reader/reader-en.gguf (Q8_0, 25 MB), and prints its sha256.
#
# usage: make-reader.sh [FOLDER]    FOLDER: what finetune.py --out wrote; without it, all-MiniLM-L6-v2 as packaged
#
# environment:
#   READER_VENV    where the Python packages of requirements.txt go (190 MB; default target/reader-venv)
#   READER_OUT     the file to write (default models/reader/reader-en.gguf)
#   READER_PYTHON  the Python that makes the virtual environment, 3.10 to 3.13 (default python3)
set -eu

from=${1:-packaged}
case $from in packaged | /*) ;; *) from=$PWD/$from ;; esac
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
venv=${READER_VENV:-target/reader-venv}
out=${READER_OUT:-models/reader/reader-en.gguf}

# Packages are installed again only when the pins changed since the last run.
if ! cmp -s "$here/requirements.txt" "$venv/installed-requirements.txt"; then
    "${READER_PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed-requirements.txt"
fi
exec "$venv/bin/python" "$here/convert.py" "$from" "$out"
