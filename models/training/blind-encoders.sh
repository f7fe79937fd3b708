#!/bin/sh
# Encoders that have not seen some of the hands of the corpus: what `reveille model train --blind DIR` measures and calibrates
# with, because the carried encoder itself was trained on every hand. The hands are dealt into three folds; each fold's
# encoder learns from the other two, and stands in DIR under the name of each hand that it has not seen.
#
# usage: blind-encoders.sh DIR [FOLD]…    FOLD: 0, 1, 2 (default: all); folds that are there already are not made again
#
# environment:
#   PYTHON    a Python with requirements-train.txt (default target/train-venv/bin/python)
#   OPTIONS   options of finetune.py, the same as for the carried encoder
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
out=${1:?usage: blind-encoders.sh DIR [FOLD]…}
shift
mkdir -p "$out"
[ $# -gt 0 ] || set -- 0 1 2

for fold; do
    [ ! -f "$out/fold-$fold.gguf" ] || continue
    held=
    at=0
    for hand in models/corpus/*.tsv; do
        [ $((at % 3)) != "$fold" ] || held="$held $hand"
        at=$((at + 1))
    done
    # shellcheck disable=SC2046,SC2086 # several words on purpose
    "${PYTHON:-target/train-venv/bin/python}" models/training/finetune.py ${OPTIONS:-} --out "$out/fold-$fold" \
        $(printf -- '--hold-out %s ' $held)
    READER_OUT="$out/fold-$fold.gguf" models/training/make-reader.sh "$out/fold-$fold"
    for hand in $held; do ln -f "$out/fold-$fold.gguf" "$out/$(basename "$hand" .tsv).gguf"; done
done
