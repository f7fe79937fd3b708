//! Small GGUF files for tests, written field by field.

/// A file under construction.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    pub(crate) version: u32,
    pub(crate) entries: Vec<(Vec<u8>, u32, Vec<u8>)>,
    pub(crate) tensors: Vec<(&'static str, Vec<u64>, u32, u64)>,
    pub(crate) data: usize,
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Fixture {
    /// A whole file of an imaginary architecture, which llama.cpp would not take.
    pub(crate) fn small() -> Self {
        Self {
            version: 3,
            entries: vec![
                (b"general.architecture".to_vec(), 8, text("toy")),
                (b"general.name".to_vec(), 8, text("a toy")),
                (b"toy.context_length".to_vec(), 4, 128_u32.to_le_bytes().to_vec()),
                (b"toy.embedding_length".to_vec(), 4, 64_u32.to_le_bytes().to_vec()),
                (b"toy.rate".to_vec(), 6, 0.5_f32.to_le_bytes().to_vec()),
                (b"toy.flag".to_vec(), 7, vec![1]),
                (b"toy.words".to_vec(), 9, list(8, 2, &[text("a"), text("bc")].concat())),
                (b"toy.numbers".to_vec(), 9, list(5, 3, &[0; 12])),
            ],
            tensors: vec![("one", vec![32, 2], 8, 0), ("two", vec![3], 0, 96)],
            data: 96 + 12,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.entries.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.entries {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend(key);
            bytes.extend(kind.to_le_bytes());
            bytes.extend(value);
        }
        for (name, shape, kind, offset) in &self.tensors {
            bytes.extend(text(name));
            bytes.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|length| bytes.extend(length.to_le_bytes()));
            bytes.extend(kind.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(32) + self.data, 7);
        bytes
    }
}

pub(crate) fn list(kind: u32, length: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &length.to_le_bytes(), elements].concat()
}

/// The width of the tiny model.
const WIDTH: u64 = 32;

/// A whole language model that llama.cpp takes: one layer, random weights in F32, one token a byte, and tokens for "Yes", "No"
/// and the chat format.
pub(crate) fn tiny_llama() -> Vec<u8> {
    let number = |key: &str, value: u32| (format!("llama.{key}").into_bytes(), 4, value.to_le_bytes().to_vec());
    let mut words: Vec<String> = (0..=255).map(byte_word).map(String::from).collect();
    words.extend(["Ye", "Yes", "No", "<|im_start|>", "<|im_end|>"].map(str::to_owned));
    // 1 is an ordinary token, 3 a control token.
    let kinds: Vec<u8> = words.iter().flat_map(|word| if word.starts_with("<|") { 3_i32 } else { 1 }.to_le_bytes()).collect();
    let all = words.len() as u64;
    let strings = |words: &[String]| list(8, words.len() as u64, &words.iter().flat_map(|word| text(word)).collect::<Vec<u8>>());
    let entries = vec![
        (b"general.architecture".to_vec(), 8, text("llama")),
        (b"general.name".to_vec(), 8, text("tiny")),
        number("context_length", 512),
        number("embedding_length", WIDTH as u32),
        number("block_count", 1),
        number("feed_forward_length", 64),
        number("attention.head_count", 2),
        (b"llama.attention.layer_norm_rms_epsilon".to_vec(), 6, 1e-5_f32.to_le_bytes().to_vec()),
        (b"tokenizer.ggml.model".to_vec(), 8, text("gpt2")),
        (b"tokenizer.ggml.pre".to_vec(), 8, text("gpt-2")),
        (b"tokenizer.ggml.tokens".to_vec(), 9, strings(&words)),
        (b"tokenizer.ggml.token_type".to_vec(), 9, list(5, all, &kinds)),
        (b"tokenizer.ggml.merges".to_vec(), 9, strings(&["Y e", "Ye s", "N o"].map(str::to_owned))),
    ];
    let shapes = [
        ("token_embd.weight", vec![WIDTH, all]),
        ("output_norm.weight", vec![WIDTH]),
        ("blk.0.attn_norm.weight", vec![WIDTH]),
        ("blk.0.attn_q.weight", vec![WIDTH, WIDTH]),
        ("blk.0.attn_k.weight", vec![WIDTH, WIDTH]),
        ("blk.0.attn_v.weight", vec![WIDTH, WIDTH]),
        ("blk.0.attn_output.weight", vec![WIDTH, WIDTH]),
        ("blk.0.ffn_norm.weight", vec![WIDTH]),
        ("blk.0.ffn_gate.weight", vec![WIDTH, 64]),
        ("blk.0.ffn_up.weight", vec![WIDTH, 64]),
        ("blk.0.ffn_down.weight", vec![64, WIDTH]),
    ];
    let mut at = 0;
    let tensors = shapes.into_iter().map(|(name, shape)| {
        let from = at;
        // All are multiples of 32 bytes long: nothing to align.
        at += shape.iter().product::<u64>() * 4;
        (name, shape, 0, from)
    });
    let tensors = tensors.collect();
    let mut bytes = Fixture { version: 3, entries, tensors, data: at as usize }.bytes();
    let begin = bytes.len() - at as usize;
    let mut state = 1_u32;
    for place in bytes[begin..].chunks_exact_mut(4) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        place.copy_from_slice(&((state >> 8) as f32 / (1 << 23) as f32 - 1.0).to_le_bytes());
    }
    bytes
}

/// The character by which GPT-2's tokens write a byte: itself where it can be seen, else one from 256 on.
fn byte_word(byte: u8) -> char {
    let seen = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let hidden = (0..byte).filter(|before| !seen(*before)).count() as u32;
    if seen(byte) { char::from(byte) } else { char::from_u32(256 + hidden).unwrap() }
}
