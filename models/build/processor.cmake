# Which instructions llama.cpp may use: those of the processor it is built on, or of the one that GGML_REVEILLE_CPU names.
#
# CMake reads this after project(), because .cargo/config.toml sets CMAKE_PROJECT_INCLUDE. Cargo builds llama.cpp anew
# when GGML_REVEILLE_CPU changes. What was chosen is compared with the processor at every start (src/processor.rs).
#
#   host    what this machine has, up to AVX2 (more would not help: see BENCHMARKS.md)
#   core2   SSSE3 and SSE4.1: every Intel Mac, and every x86-64 computer since 2008
#
# Without this, llama.cpp takes AVX2 for granted and dies with an illegal instruction where it is missing.

include_guard(GLOBAL)
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    return() # on ARM llama.cpp's own choice runs everywhere
endif()

set(probe "${CMAKE_BINARY_DIR}/processor.c")
file(WRITE "${probe}" "
int main(void) {
    __builtin_cpu_init();
    int core2 = __builtin_cpu_supports(\"ssse3\") && __builtin_cpu_supports(\"sse4.1\");
    int avx = core2 && __builtin_cpu_supports(\"sse4.2\") && __builtin_cpu_supports(\"avx\");
    int avx2 = avx && __builtin_cpu_supports(\"avx2\") && __builtin_cpu_supports(\"fma\") && __builtin_cpu_supports(\"bmi2\");
    return core2 + avx + avx2;
}
")

if(NOT GGML_REVEILLE_CPU OR GGML_REVEILLE_CPU STREQUAL "host")
    if(CMAKE_CROSSCOMPILING)
        message(FATAL_ERROR "reveille: built for another system: set GGML_REVEILLE_CPU=core2")
    endif()
    try_run(level compiled "${CMAKE_BINARY_DIR}/processor" "${probe}")
    if(NOT compiled OR NOT level MATCHES "^[0-3]$")
        message(WARNING "reveille: could not ask the processor what it has; building for a Core 2")
        set(level 1)
    endif()
elseif(GGML_REVEILLE_CPU STREQUAL "core2")
    set(level 1)
else()
    message(FATAL_ERROR "reveille: GGML_REVEILLE_CPU is host or core2, not ${GGML_REVEILLE_CPU}")
endif()

# src/processor.rs relies on SSSE3 and SSE4.1 coming together.
if(level GREATER_EQUAL 1)
    add_compile_options(-mssse3 -msse4.1)
endif()
foreach(instructions SSE42 AVX)
    if(level GREATER_EQUAL 2)
        set(GGML_${instructions} ON CACHE BOOL "" FORCE)
    else()
        set(GGML_${instructions} OFF CACHE BOOL "" FORCE)
    endif()
endforeach()
# F16C came with FMA on Intel, between AVX and AVX2; no processor has AVX2 without both.
foreach(instructions F16C FMA AVX2 BMI2)
    if(level GREATER_EQUAL 3)
        set(GGML_${instructions} ON CACHE BOOL "" FORCE)
    else()
        set(GGML_${instructions} OFF CACHE BOOL "" FORCE)
    endif()
endforeach()
set(names baseline core2 avx avx2)
list(GET names ${level} name)
message(STATUS "reveille: built for ${name}")
