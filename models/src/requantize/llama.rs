//! The one call of llama.cpp that its Rust bindings do not wrap. Unsafe code stands here and in `processor.rs` only.

use std::ffi::CStr;

use super::Quantization;

/// Writes a model anew, every matrix in one type. A number other than 0 is llama.cpp's word for "failed"; it says no more.
pub(super) fn quantize(from: &CStr, to: &CStr, kind: Quantization, threads: i32) -> Result<(), u32> {
    // SAFETY: it takes nothing and returns a plain struct by value.
    #[expect(unsafe_code, reason = "a C function without a safe wrapper")]
    let mut parameters = unsafe { llama_cpp_sys_2::llama_model_quantize_default_params() };
    parameters.nthread = threads;
    parameters.ftype = match kind {
        Quantization::Q8_0 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q8_0,
        Quantization::Q4_0 => llama_cpp_sys_2::LLAMA_FTYPE_MOSTLY_Q4_0,
    };
    parameters.allow_requantize = true;
    parameters.pure_ = true;
    // SAFETY: both paths end in NUL and outlive the call, which keeps none of them; the parameters are llama.cpp's own defaults
    // with null pointers, which it takes for "none"; C++ exceptions are caught inside and come back as a number.
    #[expect(unsafe_code, reason = "a C function without a safe wrapper")]
    let failed = unsafe { llama_cpp_sys_2::llama_model_quantize(from.as_ptr(), to.as_ptr(), &raw const parameters) };
    if failed == 0 { Ok(()) } else { Err(failed) }
}
