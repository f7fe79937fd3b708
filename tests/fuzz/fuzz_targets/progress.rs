//! See `reveille_tests::fuzzed::progress`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| reveille_tests::fuzzed::progress(data));
