//! The types of tensors: how many bytes they take, what they are called, and what a file is made of.

use std::fmt;

use super::{Fault, MAX_DIMENSIONS};

/// The type of a tensor's numbers, by its number in GGUF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct TensorType(pub u32);

impl TensorType {
    /// Blocks of 32 with one scale: the four-bit type with the quickest code on processors that have no AVX.
    pub const Q4_0: Self = Self(2);
    /// The same with a scale and a smallest value.
    pub const Q4_1: Self = Self(3);
    /// Eight bits, blocks of 32 with one scale.
    pub const Q8_0: Self = Self(8);

    /// Name, elements of a block and bytes of a block, from `type_traits` in llama.cpp's ggml.c.
    const fn traits(self) -> Option<(&'static str, u64, u64)> {
        Some(match self.0 {
            0 => ("F32", 1, 4),
            1 => ("F16", 1, 2),
            2 => ("Q4_0", 32, 18),
            3 => ("Q4_1", 32, 20),
            6 => ("Q5_0", 32, 22),
            7 => ("Q5_1", 32, 24),
            8 => ("Q8_0", 32, 34),
            10 => ("Q2_K", 256, 84),
            11 => ("Q3_K", 256, 110),
            12 => ("Q4_K", 256, 144),
            13 => ("Q5_K", 256, 176),
            14 => ("Q6_K", 256, 210),
            16 => ("IQ2_XXS", 256, 66),
            17 => ("IQ2_XS", 256, 74),
            18 => ("IQ3_XXS", 256, 98),
            19 => ("IQ1_S", 256, 50),
            20 => ("IQ4_NL", 32, 18),
            21 => ("IQ3_S", 256, 110),
            22 => ("IQ2_S", 256, 82),
            23 => ("IQ4_XS", 256, 136),
            24 => ("I8", 1, 1),
            25 => ("I16", 1, 2),
            26 => ("I32", 1, 4),
            27 => ("I64", 1, 8),
            28 => ("F64", 1, 8),
            29 => ("IQ1_M", 256, 56),
            30 => ("BF16", 1, 2),
            34 => ("TQ1_0", 256, 54),
            35 => ("TQ2_0", 256, 66),
            39 => ("MXFP4", 32, 17),
            _ => return None,
        })
    }

    /// Whether it is one of the K-quants: super-blocks of 256 with scales of scales.
    pub fn is_k_quant(self) -> bool {
        (10..=14).contains(&self.0)
    }

    /// Bytes of a tensor of this type and shape.
    pub(super) fn bytes(self, shape: [u64; MAX_DIMENSIONS as usize]) -> Result<u64, Fault> {
        let too_large = Fault::Malformed("a tensor is too large");
        let (_, block, bytes) = self.traits().ok_or(Fault::Malformed("a tensor has an unknown type"))?;
        let all = shape.iter().try_fold(1_u64, |product, length| product.checked_mul(*length)).ok_or(too_large.clone())?;
        if all == 0 || shape.first().is_none_or(|row| row % block != 0) {
            return Err(Fault::Malformed("a tensor's shape does not fit its type"));
        }
        (all / block).checked_mul(bytes).ok_or(too_large)
    }

    /// About how many bytes so many numbers take.
    fn estimate(self, elements: u64) -> u64 {
        self.traits().map_or(0, |(_, block, bytes)| (elements / block).saturating_mul(bytes))
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.traits() {
            Some((name, ..)) => to.write_str(name),
            None => write!(to, "type {}", self.0),
        }
    }
}

/// How the numbers of a file are written: its matrices, by type, and the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weights {
    /// Bytes and numbers of all matrices of each type, sorted by type.
    pub matrices: Vec<(TensorType, u64, u64)>,
    /// Bytes of everything with one dimension; it is never quantized.
    pub rest: u64,
}

impl Weights {
    pub(super) fn add(&mut self, kind: TensorType, shape: [u64; MAX_DIMENSIONS as usize], size: u64) {
        if shape.iter().skip(1).all(|length| *length == 1) {
            self.rest = self.rest.saturating_add(size);
            return;
        }
        // `bytes` has multiplied them before.
        let elements = shape.iter().product::<u64>();
        match self.matrices.binary_search_by_key(&kind, |(kind, ..)| *kind) {
            Ok(at) => {
                if let Some((_, bytes, all)) = self.matrices.get_mut(at) {
                    *bytes = bytes.saturating_add(size);
                    *all = all.saturating_add(elements);
                }
            }
            Err(at) => self.matrices.insert(at, (kind, size, elements)),
        }
    }

    /// The type that most of the matrices' bytes are in; none without matrices.
    pub fn main_type(&self) -> Option<TensorType> {
        self.matrices.iter().max_by_key(|(_, bytes, _)| *bytes).map(|(kind, ..)| *kind)
    }

    /// About how many bytes the tensors take when all matrices are written in one type.
    pub fn estimate(&self, kind: TensorType) -> u64 {
        self.matrices.iter().fold(self.rest, |sum, (_, _, elements)| sum.saturating_add(kind.estimate(*elements)))
    }

    /// Bytes of all tensors.
    pub fn bytes(&self) -> u64 {
        self.matrices.iter().fold(self.rest, |sum, (_, bytes, _)| sum.saturating_add(*bytes))
    }
}
