#!/bin/sh
# For each hand of the corpus an encoder that has not seen it: what `reveille model train --blind DIR` measures and
# calibrates with, because the carried encoder itself was trained on every hand.
# usage: blind-encoders.sh DIR    (EPOCHS, default 7, and PYTHON, a Python with requirements-train.txt, may be set)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: blind-encoders.sh DIR}
mkdir -p "$out"
for hand in "$here"/../corpus/*.tsv; do
    name=$(basename "$hand" .tsv)
    [ -f "$out/$name.gguf" ] && continue
    "${PYTHON:-target/train-venv/bin/python}" "$here/finetune.py" --epochs "${EPOCHS:-7}" --hold-out "$hand" --out "$out/$name"
    READER_OUT="$out/$name.gguf" "$here/make-reader.sh" "$out/$name"
done
