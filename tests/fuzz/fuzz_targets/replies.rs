//! See `reveille_tests::fuzzed::replies`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| reveille_tests::fuzzed::replies(data));
