//! Who sees which wording: the published hashing of GrowthBook's SDK specification (0.4.3, "hash", version 2), so that anybody can
//! check it, with its test vectors in `tests.rs`.
//!
//! Must stay true: nothing but seed and person decides; another seed shares the same people out anew.

/// How many buckets there are.
const BUCKETS: u32 = 10_000;

/// FNV-1a with 32 bits (Fowler, Noll, Vo; RFC 9923).
fn fnv1a32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The bucket of a person, 0 to 9,999: `fnv1a32(fnv1a32(seed + value) as decimal) % 10000`. A ten-thousandth of the specification's
/// number. Seeds and persons are ASCII here, where bytes and UTF-16 units are the same.
#[must_use]
pub fn bucket(seed: &str, value: &str) -> u32 {
    fnv1a32(&fnv1a32(&format!("{seed}{value}")).to_string()) % BUCKETS
}

/// Which of `variants` wordings a person sees, from 0: equal ranges of the buckets, the first from its start. With none, 0.
#[must_use]
pub fn variant_of(seed: &str, value: &str, variants: usize) -> usize {
    bucket(seed, value) as usize * variants / BUCKETS as usize
}
