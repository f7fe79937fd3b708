#!/bin/sh
# Measures ways to train the encoder, a row of the table in models/README.md each: trained on the hands a to e, quantized,
# with heads trained on those hands, measured on the other hands. Rows that are there already are not made again.
#
# usage: variants.sh DIR [NAME]…    all variants, or these; DIR keeps the encoders and the rows (DIR/NAME.row)
#
# environment:
#   PYTHON      a Python with requirements-train.txt (default target/train-venv/bin/python)
#   REVEILLE    the program (default target/release/reveille)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
out=${1:?usage: variants.sh DIR [NAME]…}
shift
mkdir -p "$out"

# Name, and the options of finetune.py in which it differs.
variants() {
    cat <<'END'
usual
epochs-5 --epochs 5
epochs-10 --epochs 10
lower-rate --epochs 10 --rate 1e-4
no-augmentation --augment 0
contrast --contrast 1
two-stages --ways stages
kinds --ways kinds
mean-of-3 --runs 3
smoother --smooth 0.15
skill-in-full --skill-weight 1
END
}

held_out=
for hand in models/corpus/hand-[f-z].tsv; do held_out="$held_out --hold-out $(basename "$hand" .tsv)"; done
program=${REVEILLE:-target/release/reveille}

# Prints the row over all held-out hands for the encoder $2, under the name $1.
measure() {
    # shellcheck disable=SC2086 # several words on purpose
    "$program" model train --encoder "$2" $held_out | sed -n "s/^| all /| $1 /p"
}

[ -f "$out/published.row" ] || {
    READER_OUT="$out/published.gguf" models/training/make-reader.sh packaged >/dev/null
    measure "as published" "$out/published.gguf" >"$out/published.row"
}
variants | while read -r name options; do
    case " ${*:-$name} " in *" $name "*) ;; *) continue ;; esac
    [ ! -f "$out/$name.row" ] || continue
    # An encoder that is there is only measured again.
    if [ -f "$out/$name.gguf" ]; then
        measure "$name" "$out/$name.gguf" >"$out/$name.row"
        continue
    fi
    files=$(echo "$held_out" | sed 's#--hold-out \([^ ]*\)#--hold-out models/corpus/\1.tsv#g')
    # shellcheck disable=SC2086
    "${PYTHON:-target/train-venv/bin/python}" models/training/finetune.py $options $files --out "$out/$name" >"$out/$name.log" 2>&1 </dev/null
    READER_OUT="$out/$name.gguf" models/training/make-reader.sh "$out/$name" >/dev/null </dev/null
    measure "$name" "$out/$name.gguf" >"$out/$name.row"
    rm -r "${out:?}/$name"
done
cat "$out"/*.row
