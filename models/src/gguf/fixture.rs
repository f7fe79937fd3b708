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
