#!/bin/sh
# Writes the reader's sentence encoder, models/reader/reader-en.gguf (Q4_0 and Q8_0, 20 MB), and prints its sha256.
#
# usage: make-reader.sh             fine-tune all-MiniLM-L6-v2 on models/corpus, and convert that (what ships)
#        make-reader.sh FOLDER      convert what finetune.py --out wrote
#        make-reader.sh packaged    convert all-MiniLM-L6-v2 as packaged
#
# environment:
#   READER_VENV    where the Python packages of requirements.txt go (190 MB; default target/reader-venv)
#   TRAIN_VENV     where those of requirements-train.txt go (4.9 GB on Linux; default target/train-venv)
#   READER_OUT     the file to write (default models/reader/reader-en.gguf)
#   READER_PYTHON  the Python that makes the virtual environments, 3.10 to 3.13 (default python3)
set -eu

from=${1:-tuned}
case $from in packaged | tuned | /*) ;; *) from=$PWD/$from ;; esac
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
if [ "$from" = tuned ]; then
    train=${TRAIN_VENV:-target/train-venv}
    if ! cmp -s "$here/requirements-train.txt" "$train/installed-requirements.txt"; then
        "${READER_PYTHON:-python3}" -m venv "$train"
        "$train/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements-train.txt" -c "$here/requirements.txt"
        "$train/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
        cp "$here/requirements-train.txt" "$train/installed-requirements.txt"
    fi
    from=$PWD/target/reader-en
    "$train/bin/python" "$here/finetune.py" --out "$from"
fi
exec "$venv/bin/python" "$here/convert.py" "$from" "$out"
