#!/usr/bin/env python3
"""Fine-tune the reader's encoder on the labelled task lines: who it is for, and which skill.

usage: finetune.py --out DIR [--hold-out FILE.tsv]…     train on the corpus, save the encoder
       finetune.py --folds author --logits OUT.tsv      leave out each hand in turn, write the held-out logits

Lines of a corpus file are `text<TAB>for<TAB>skill<TAB>channel<TAB>pair`; `#` begins a comment. A file is a
hand: one author. Lines of one pair (nearly the same words, another label) stand in the same batch. DIR becomes
a Hugging Face folder that convert.py takes, with the run in training.json.
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
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, normalize
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
    """The encoder with mean pooling and its heads; gives (vectors, log shares of for, log shares of skill).

    `ways` is what the heads tell apart: `four` (who, four ways, and the skill), `stages` (nobody or somebody, then
    which of three, and the skill), or `kinds` (every pair of who and skill; both answers are sums over kinds).
    """

    def __init__(self, folder, ways):
        super().__init__()
        self.encoder = AutoModel.from_pretrained(folder, attn_implementation="sdpa")
        self.encoder.embeddings.requires_grad_(False)  # 12 of 22 million weights, and the words of unseen lines stay where they were
        self.ways = ways
        width = self.encoder.config.hidden_size
        self.drop = torch.nn.Dropout(0.1)
        self.who = torch.nn.Linear(width, len(FOR) * len(SKILL) if ways == "kinds" else len(FOR))
        self.skill = torch.nn.Linear(width, len(SKILL))

    def forward(self, words):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.encoder(**words).last_hidden_state.float()
        mask = words["attention_mask"].unsqueeze(-1)
        mean = normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        vector = self.drop(mean * SCALE)
        who, skill = self.who(vector), self.skill(vector)
        if self.ways == "kinds":
            kinds = log_softmax(who, 1).view(-1, len(FOR), len(SKILL))
            return mean, kinds.logsumexp(2), kinds.logsumexp(1)
        if self.ways == "stages":
            somebody = [logsigmoid(-who[:, NOBODY]).unsqueeze(1) + log_softmax(who[:, :NOBODY], 1), logsigmoid(who[:, NOBODY]).unsqueeze(1)]
            return mean, torch.cat(somebody, 1), log_softmax(skill, 1)
        return mean, log_softmax(who, 1), log_softmax(skill, 1)


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


# Tools that do the same: a task stays what it is when one takes the other's place.
ALIKE = [
    ["stripe", "paddle", "paypal"], ["postgres", "sqlite", "mysql", "redis"], ["netlify", "vercel", "hetzner"],
    ["buttondown", "mailchimp", "listmonk", "convertkit"], ["mastodon", "bluesky"], ["hugo", "jekyll", "eleventy"],
    ["docker", "podman"], ["github", "gitlab", "codeberg"], ["python", "rust", "go", "typescript"], ["react", "svelte", "vue"],
]
OTHERS = {name: [other for other in group if other != name] for group in ALIKE for name in group}
# Dropping one of these never changes who notices; "not", "for" and "about" would.
DROPPABLE = {"the", "a", "an", "our", "my", "please", "then", "just", "some"}


def swap_tool(text, dice):
    """A tool's name replaced by that of one that does the same."""
    return " ".join(dice.choice(OTHERS[word.lower()]) if word.lower() in OTHERS else word for word in text.split(" "))


def drop_word(text, dice):
    """One article or the like left out, as in a hurry."""
    words = text.split(" ")
    loose = [i for i, word in enumerate(words) if word.lower() in DROPPABLE]
    if not loose or len(words) < 3:
        return text
    del words[dice.choice(loose)]
    return " ".join(words)


def augment(text, chance, dice):
    for change in (mistype, toggle_stop, decorate, flatten, swap_tool, drop_word):
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


def contrast(vectors, batch):
    """How much the lines of a pair that differ in who notices look alike (cosine above 0.2), on average over such pairs."""
    apart = [
        (i, j)
        for i, a in enumerate(batch)
        for j, b in enumerate(batch[:i])
        if a.pair and (a.hand, a.pair) == (b.hand, b.pair) and a.who != b.who
    ]
    if not apart:
        return vectors.new_zeros(())
    left, right = (torch.tensor(side) for side in zip(*apart))
    return ((vectors[left] * vectors[right]).sum(1) - 0.2).clamp(min=0).square().mean()


def smoothed(shares, labels, weights, smooth):
    """Cross-entropy with class weights and label smoothing over log shares (they are normalised, so cross_entropy keeps them)."""
    return cross_entropy(shares, torch.tensor(labels), weights, label_smoothing=smooth)


def train(lines, folder, options):
    """The mean of `runs` Readers fitted to the lines from as many seeds; repeatable: every draw comes from the seed."""
    runs = [train_once(lines, folder, options, options.seed + run) for run in range(options.runs)]
    model, tokenizer = runs[0]
    states = [run.state_dict() for run, _ in runs]
    mean = {name: sum(state[name] for state in states) / len(states) if value.is_floating_point() else value for name, value in states[0].items()}
    model.load_state_dict(mean)
    return model.eval(), tokenizer


def train_once(lines, folder, options, seed):
    """A Reader fitted to the lines with one seed."""
    torch.manual_seed(options.seed)  # every run begins with the same heads, or their mean would mean nothing
    tokenizer, model = AutoTokenizer.from_pretrained(folder), Reader(folder, options.ways)
    torch.manual_seed(seed)
    dice = random.Random(seed)
    body = [weights for weights in model.encoder.parameters() if weights.requires_grad]
    heads = [*model.who.parameters(), *model.skill.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": options.rate}, {"params": heads, "lr": options.head_rate}],
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
            vectors, who, skill = model(encode(tokenizer, [augment(line.text, options.augment, dice) for line in batch]))
            loss = smoothed(who, [line.who for line in batch], who_weights, options.smooth)
            loss = loss + options.skill_weight * smoothed(skill, [line.skill for line in batch], skill_weights, options.smooth)
            if options.contrast:
                loss = loss + options.contrast * contrast(vectors, batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        print(f"  epoch {epoch + 1}/{options.epochs} loss {total / count:.3f} ({time.time() - started:.0f} s)", file=sys.stderr, flush=True)
    return model, tokenizer


def read(model, tokenizer, lines):
    """The logits (for, skill) of the lines as arrays."""
    with torch.no_grad():
        parts = [model(encode(tokenizer, [line.text for line in lines[i:i + 32]]))[1:] for i in range(0, len(lines), 32)]
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
    """The encoder as a Hugging Face folder that convert.py takes, and how it was made; `reveille model train` fits the heads that ship."""
    out.mkdir(parents=True, exist_ok=True)
    model.encoder.save_pretrained(out, safe_serialization=True)
    for name in TOKENIZER:
        source = Path(base) / name
        if source.is_dir():
            shutil.copytree(source, out / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, out / name)
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
            "options": {k: v for k, v in vars(options).items() if k in ("epochs", "rate", "head_rate", "batch", "smooth", "skill_weight", "augment", "ways", "contrast", "runs", "seed", "threads")},
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
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=3e-4, help="learning rate of the encoder")
    parser.add_argument("--head-rate", type=float, default=1e-2, help="learning rate of the heads")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--smooth", type=float, default=0.05, help="label smoothing")
    parser.add_argument("--skill-weight", type=float, default=0.5, help="the skill head's part in the loss")
    parser.add_argument("--augment", type=float, default=0.15, help="chance of each change to a line; 0 for none")
    parser.add_argument("--ways", choices=["four", "stages", "kinds"], default="four", help="what the heads tell apart")
    parser.add_argument("--contrast", type=float, default=0.0, help="part in the loss of pairs that look alike")
    parser.add_argument("--runs", type=int, default=1, help="trainings from as many seeds whose weights are averaged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
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
