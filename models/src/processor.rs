//! What llama.cpp was built for, and what this processor has. `build/processor.cmake` chooses the first; a program that was
//! copied to an older computer is told apart here, before any of those instructions runs.

/// Instructions that llama.cpp was built with and the processor at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    /// From old to new: the name, whether the build uses them, whether the processor has them.
    instructions: Vec<(&'static str, bool, bool)>,
}

impl Processor {
    /// The oldest instructions that the build uses and the processor lacks; `None`: the program runs here.
    pub fn missing(&self) -> Option<&'static str> {
        self.instructions.iter().find(|(_, built, here)| *built && !here).map(|(name, ..)| *name)
    }

    /// Whether the processor is known not to have these instructions.
    pub fn lacks(&self, name: &str) -> bool {
        self.instructions.iter().any(|(instruction, _, here)| *instruction == name && !here)
    }

    /// A made-up one.
    #[cfg(test)]
    pub(crate) fn of(instructions: &[(&'static str, bool, bool)]) -> Self {
        Self { instructions: instructions.to_vec() }
    }

    /// The newest instructions that the build uses: "AVX2", or "SSE4.1" for the portable build.
    pub fn built_for(&self) -> &'static str {
        self.instructions.iter().rfind(|(_, built, _)| *built).map_or("any processor", |(name, ..)| *name)
    }
}

/// Asks llama.cpp and the processor. Runs no instruction that an old processor lacks.
#[cfg(target_arch = "x86_64")]
pub fn processor() -> Processor {
    use std::arch::is_x86_feature_detected as here;

    use llama_cpp_sys_2 as ggml;

    let built = |has: unsafe extern "C" fn() -> std::os::raw::c_int| {
        #[expect(unsafe_code, reason = "llama-cpp-2 has no safe call for it")]
        // SAFETY: these functions take nothing and return a constant of the build.
        let has = unsafe { has() };
        has != 0
    };
    // SSSE3 and SSE4.1 come together, and SSE4.2 with AVX: see build/processor.cmake.
    Processor {
        instructions: vec![
            ("SSSE3", built(ggml::ggml_cpu_has_ssse3), here!("ssse3")),
            ("SSE4.1", built(ggml::ggml_cpu_has_ssse3), here!("sse4.1")),
            ("SSE4.2", built(ggml::ggml_cpu_has_avx), here!("sse4.2")),
            ("AVX", built(ggml::ggml_cpu_has_avx), here!("avx")),
            ("F16C", built(ggml::ggml_cpu_has_f16c), here!("f16c")),
            ("FMA", built(ggml::ggml_cpu_has_fma), here!("fma")),
            ("BMI2", built(ggml::ggml_cpu_has_bmi2), here!("bmi2")),
            ("AVX2", built(ggml::ggml_cpu_has_avx2), here!("avx2")),
            ("AVX-512", built(ggml::ggml_cpu_has_avx512), here!("avx512f")),
        ],
    }
}

/// Other processors: llama.cpp's own choice runs on all of a kind.
#[cfg(not(target_arch = "x86_64"))]
pub fn processor() -> Processor {
    Processor { instructions: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_that_lacks_something_is_told_the_oldest_of_it() {
        let fast_on_old = Processor::of(&[("SSE4.1", true, true), ("AVX", true, false), ("AVX2", true, false)]);
        assert_eq!((fast_on_old.missing(), fast_on_old.built_for()), (Some("AVX"), "AVX2"));
        let portable = Processor::of(&[("SSE4.1", true, true), ("AVX", false, false), ("AVX2", false, true)]);
        assert_eq!((portable.missing(), portable.built_for()), (None, "SSE4.1"));
        assert_eq!((Processor::of(&[]).missing(), Processor::of(&[]).built_for()), (None, "any processor"));
    }

    #[test]
    fn the_program_runs_where_it_is_tested() {
        assert_eq!(processor().missing(), None);
    }
}
