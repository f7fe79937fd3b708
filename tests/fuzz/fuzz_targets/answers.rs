//! See `reveille_tests::fuzzed::answers`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| reveille_tests::fuzzed::answers(data));
