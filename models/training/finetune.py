#!/usr/bin/env python3
"""Fine-tune the reader's encoder on the labelled task lines, with two heads: who it is for, and which skill.

usage: finetune.py --out DIR [--hold-out FILE.tsv]…     train on the corpus, save the encoder and its heads
       finetune.py --folds author --logits OUT.tsv      leave out each hand in turn, write the held-out logits

Lines of a corpus file are `text<TAB>for<TAB>skill<TAB>channel<TAB>pair`; `#` begins a comment. A file is a
hand: one author. Lines of one pair (nearly the same words, another label) stand in the same batch. DIR becomes
a Hugging Face folder that convert.py takes, with the two heads in heads.json and the run in training.json.
The same options, packages, thread count and kind of processor give the same weights.
"""
import argparse
import hashlib
import json
import math
import random
import shutil
import sys
import time
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize
from transformers import AutoModel, AutoTokenizer

import convert

FOR = ["strangers", "subscribers", "customers", "nobody"]
SKILL = ["publish", "distribute", "measure", "compose", "engage", "onboard", "retain", "sell", "maintain", "none"]
NOBODY = FOR.index("nobody")
NONE = SKILL.index("none")
CORPUS = Path(__file__).resolve().parent.parent / "corpus"
# The heads see the mean token vector at this length; the program must scale its vectors the same way.
SCALE = 8.0
LONGEST = 128  # tokens; a task is a line
# Files that make the saved folder whole, copied from the one the training began with.
TOKENIZER = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "modules.json", "1_Pooling"]

Line = namedtuple("Line", "text who skill pair hand")


def read_lines(path):
    """The labelled lines of one file; a label that is not known stops the run with its line number."""
    lines = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not row.strip() or row.startswith("#"):
            continue
        text, who, skill, _channel, pair, *_ = row.split("\t") + [""] * 4
        if who not in FOR or skill not in SKILL:
            sys.exit(f"{path}:{number}: unknown label {who!r} or {skill!r}")
        lines.append(Line(text.strip(), FOR.index(who), SKILL.index(skill), pair.strip(), path.stem))
    return lines


class Reader(torch.nn.Module):
    """The encoder with mean pooling and the two heads; gives (logits of for, logits of skill)."""

    def __init__(self, folder):
        super().__init__()
        self.encoder = AutoModel.from_pretrained(folder, attn_implementation="eager")
        width = self.encoder.config.hidden_size
        self.drop = torch.nn.Dropout(0.1)
        self.who = torch.nn.Linear(width, len(FOR))
        self.skill = torch.nn.Linear(width, len(SKILL))

    def forward(self, words):
        states = self.encoder(**words).last_hidden_state
        mask = words["attention_mask"].unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1)
        vector = self.drop(normalize(mean, dim=-1) * SCALE)
        return self.who(vector), self.skill(vector)


# --- augmentation: the same task as another hand would type it. Case is left alone: the tokenizer lowers it.


def mistype(text, dice):
    """One slip in one longer word: two letters swapped, one lost, or one doubled."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    i = dice.choice(long)
    word, at = words[i], dice.randrange(1, len(words[i]) - 1)
    words[i] = dice.choice([
        word[:at] + word[at + 1] + word[at] + word[at + 2:],
        word[:at] + word[at + 1:],
        word[:at] + word[at] + word[at:],
    ])
    return " ".join(words)


def toggle_stop(text, dice):
    """The final stop dropped, or one added."""
    return text[:-1] if text[-1:] in ".!" else text if text[-1:] == "?" else text + "."


def decorate(text, dice):
    """A mark that people put on any kind of task, before or behind it."""
    if dice.random() < 0.5:
        return dice.choice(["todo: ", "TODO ", "T14 ", "[P2] ", "(later) ", "- "]) + text
    return text + dice.choice([" #31", " (~2h)", " !!", " @me", " (P1)", " ..."])


def flatten(text, dice):
    """Without what is tedious to type on a phone: apostrophes, quotes, backticks, dashes."""
    return text.translate(str.maketrans({"'": "", "’": "", '"': "", "“": "", "”": "", "`": "", "—": "-", "–": "-"}))


def augment(text, chance, dice):
    for change in (mistype, toggle_stop, decorate, flatten):
        if dice.random() < chance:
            text = change(text, dice)
    return text


# --- training


def batches(lines, size, dice):
    """Batches in a new order, the lines of one pair next to each other; a last one with few lines is dropped."""
    groups = {}
    for i, line in enumerate(lines):
        groups.setdefault((line.hand, line.pair) if line.pair else i, []).append(line)
    order = list(groups.values())
    dice.shuffle(order)
    flat = [line for group in order for line in group]
    for start in range(0, len(flat), size):
        if len(flat) - start >= min(size // 2, len(flat)):
            yield flat[start:start + size]


def class_weights(labels, ways):
    """Inverse to how often a label occurs, with a mean of 1 over the lines."""
    counts = Counter(labels)
    return torch.tensor([len(labels) / (len(counts) * counts[k]) if counts[k] else 0.0 for k in range(ways)])


def encode(tokenizer, texts):
    return tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")


def train(lines, folder, options):
    """A Reader fitted to the lines; repeatable: every draw comes from the seed."""
    torch.manual_seed(options.seed)
    dice = random.Random(options.seed)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), Reader(folder)
    heads = [*model.who.parameters(), *model.skill.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": model.encoder.parameters(), "lr": options.rate}, {"params": heads, "lr": options.head_rate}],
        weight_decay=0.01,
    )
    steps = max(1, math.ceil(len(lines) / options.batch) * options.epochs)
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min((i + 1) / warm, max(0.0, (steps - i) / max(1, steps - warm)))
    )
    who_weights = class_weights([line.who for line in lines], len(FOR))
    skill_weights = class_weights([line.skill for line in lines], len(SKILL))
    model.train()
    for epoch in range(options.epochs):
        started, total, count = time.time(), 0.0, 0
        for batch in batches(lines, options.batch, dice):
            who, skill = model(encode(tokenizer, [augment(line.text, options.augment, dice) for line in batch]))
            loss = cross_entropy(who, torch.tensor([line.who for line in batch]), who_weights, label_smoothing=options.smooth)
            loss = loss + options.skill_weight * cross_entropy(
                skill, torch.tensor([line.skill for line in batch]), skill_weights, label_smoothing=options.smooth
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        print(f"  epoch {epoch + 1}/{options.epochs} loss {total / count:.3f} ({time.time() - started:.0f} s)", file=sys.stderr, flush=True)
    return model.eval(), tokenizer


def read(model, tokenizer, lines):
    """The logits (for, skill) of the lines as arrays."""
    with torch.no_grad():
        parts = [model(encode(tokenizer, [line.text for line in lines[i:i + 32]])) for i in range(0, len(lines), 32)]
    return tuple(torch.cat(part).numpy() for part in zip(*parts))


# --- figures


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def area(score, positive):
    """Area under the ROC curve: how often a positive line scores above a negative one, ties counting half."""
    above, below = score[positive], score[~positive]
    if not len(above) or not len(below):
        return float("nan")
    return float(np.mean((above[:, None] > below) + 0.5 * (above[:, None] == below)))


def share(right):
    return float(np.mean(right)) if len(right) else float("nan")


def figures(lines, who_logits, skill_logits):
    """How well the logits read the lines. `pairs`: share of the pairs in which every line is read right."""
    who, skill = (np.array([getattr(line, key) for line in lines]) for key in ("who", "skill"))
    guess, skill_right = who_logits.argmax(1), skill_logits.argmax(1) == skill
    pairs = {}
    for line, right in zip(lines, guess == who):
        if line.pair:
            pairs.setdefault((line.hand, line.pair), []).append(right)
    return {
        "lines": len(lines),
        "reader_or_nobody": share((guess != NOBODY) == (who != NOBODY)),
        "auc": area(1 - softmax(who_logits)[:, NOBODY], who != NOBODY),
        "for": share(guess == who),
        "skill": share(skill_right),
        "skill_where_one": share(skill_right[skill != NONE]),
        "pairs": share([all(right) for right in pairs.values()]),
    }


def report(name, result):
    shown = " ".join(f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in result.items())
    print(f"{name}: {shown}", flush=True)


def write_logits(path, kept):
    """The held-out lines with their true labels and both heads' logits, for fitting the calibration."""
    columns = ["text", "hand", "for", "skill", "pair", *(f"for:{w}" for w in FOR), *(f"skill:{s}" for s in SKILL)]
    with path.open("w", encoding="utf-8") as out:
        out.write("# " + "\t".join(columns) + "\n")
        for lines, who, skill in kept:
            for line, logits in zip(lines, np.hstack([who, skill])):
                labels = [line.text, line.hand, FOR[line.who], SKILL[line.skill], line.pair]
                out.write("\t".join(labels + [f"{value:.4f}" for value in logits]) + "\n")


# --- what is kept


def save(out, base, model, record):
    """The encoder as a Hugging Face folder that convert.py takes, its heads, and how they were made."""
    out.mkdir(parents=True, exist_ok=True)
    model.encoder.save_pretrained(out, safe_serialization=True)
    for name in TOKENIZER:
        source = Path(base) / name
        if source.is_dir():
            shutil.copytree(source, out / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, out / name)
    heads = {"scale": SCALE}
    for name, labels, layer in (("for", FOR, model.who), ("skill", SKILL, model.skill)):
        heads[name] = {"labels": labels, "weight": layer.weight.tolist(), "bias": layer.bias.tolist()}
    (out / "heads.json").write_text(json.dumps(heads) + "\n")
    (out / "training.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def warn_of_leaks(name, lines, unseen):
    """Says how many held-out lines were trained on word for word: their figures flatter."""
    known = {line.text.casefold() for line in lines}
    seen = sum(line.text.casefold() in known for line in unseen)
    if seen:
        print(f"warning: {seen} of the {len(unseen)} lines of {name} stand in the training lines too", file=sys.stderr)


def fold(files, held, base, options):
    """Trained without the hand `held`: its lines and their logits."""
    lines = [line for path in files if path != held for line in read_lines(path)]
    model, tokenizer = train(lines, base, options)
    unseen = read_lines(held)
    warn_of_leaks(held.name, lines, unseen)
    return unseen, *read(model, tokenizer, unseen)


def run_folds(files, base, options):
    """Every hand left out in turn; the logits so far are written after each fold."""
    kept = []
    for held in files:
        kept.append(fold(files, held, base, options))
        report(held.stem, figures(*kept[-1]))
        if options.logits:
            write_logits(options.logits, kept)
    lines = [line for part in kept for line in part[0]]
    report("all hands", figures(lines, *(np.vstack([part[i] for part in kept]) for i in (1, 2))))


def run_once(files, base, options):
    """Trained on everything but the files held out (which need not be in the corpus), judged on those, saved."""
    held = {path.resolve() for path in options.hold_out}
    used = [path for path in files if path.resolve() not in held]
    lines = [line for path in used for line in read_lines(path)]
    model, tokenizer = train(lines, base, options)
    kept, results = [], {}
    for path in options.hold_out:
        unseen = read_lines(path)
        warn_of_leaks(path.name, lines, unseen)
        kept.append((unseen, *read(model, tokenizer, unseen)))
        results[path.name] = figures(*kept[-1])
        report(path.stem, results[path.name])
    if options.logits:
        write_logits(options.logits, kept)
    if options.out:
        record = {
            "options": {k: v for k, v in vars(options).items() if k in ("epochs", "rate", "head_rate", "batch", "smooth", "skill_weight", "augment", "seed", "threads")},
            "corpus": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in used},
            "lines": len(lines),
            "held_out": results,
            "torch": torch.__version__,
        }
        save(options.out, base, model, record)
        print(f"saved {options.out}: {len(lines)} lines of {len(used)} hands", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=CORPUS, help="a folder of *.tsv, or one file (default models/corpus)")
    parser.add_argument("--base", default="packaged", help="the folder to start from (default: the packaged MiniLM)")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate of the encoder")
    parser.add_argument("--head-rate", type=float, default=1e-2, help="learning rate of the heads")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--smooth", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--skill-weight", type=float, default=0.5, help="the skill head's part in the loss")
    parser.add_argument("--augment", type=float, default=0.15, help="chance of each change to a line; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hold-out", type=Path, action="append", default=[], metavar="FILE.tsv", help="leave this hand out and judge on it; may stand more than once")
    parser.add_argument("--folds", choices=["author"], help="leave out each hand in turn; saves no encoder")
    parser.add_argument("--logits", type=Path, metavar="OUT.tsv", help="where the held-out logits go")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the encoder goes")
    options = parser.parse_args()
    if options.folds and (options.out or options.hold_out):
        parser.error("--folds trains several encoders: it takes neither --out nor --hold-out")
    if not options.folds and not (options.out or options.hold_out):
        parser.error("nothing to do: give --out, --hold-out or --folds")
    return options


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    base = convert.packaged() if options.base == "packaged" else Path(options.base)
    files = [options.corpus] if options.corpus.is_file() else sorted(options.corpus.glob("*.tsv"))
    if not files:
        sys.exit(f"finetune.py: no *.tsv in {options.corpus}")
    (run_folds if options.folds else run_once)(files, base, options)


if __name__ == "__main__":
    main()
