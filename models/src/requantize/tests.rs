//! A tiny model is really written anew by llama.cpp; what must not be is refused before anything is written.

use super::*;
use crate::carried::materialize;
use crate::encoder::Encoder;
use crate::gguf::fixture::{Fixture, tiny_llama};

fn tiny() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    fs::write(&path, tiny_llama()).unwrap();
    (folder, path)
}

fn plan(from: &Path, to: Quantization, out: Option<&Path>, overwrite: bool) -> Result<Requantization, RequantizeError> {
    Requantization::plan(from, None, to, out.map(Path::to_owned), overwrite)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn vector(path: &Path) -> Vec<f32> {
    let encoder = Encoder::load(&check_file(path, None).unwrap(), 1).unwrap();
    encoder.encode(&["a line"], &mut { usize::MAX }, &mut |_| std::ops::ControlFlow::Continue(())).unwrap().remove(0)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn a_model_comes_out_smaller_and_means_nearly_the_same() {
    let (folder, path) = tiny();
    let before = vector(&path);
    for (to, at_least) in [(Quantization::Q8_0, 0.999), (Quantization::Q4_0, 0.8)] {
        let planned = plan(&path, to, None, false).unwrap();
        assert_eq!((planned.kind().to_string().as_str(), planned.out()), ("F32", requantized_path(&path, to).as_path()));
        let written = planned.carry_out(2, &mut |done, all| assert!(done <= all)).unwrap();
        let checked = check_file(&written.path, Some(written.sha256)).unwrap();
        assert_eq!(checked.header().weights.main_type(), Some(to.tensor_type()));
        assert!(written.size < planned.from().header().size && written.size.abs_diff(planned.estimate()) < 256, "{written:?}");
        let near = cosine(&before, &vector(&written.path));
        assert!((at_least..0.999_999).contains(&near), "{near}");
    }
    // Once more, from what was quantized already.
    let eight = requantized_path(&path, Quantization::Q8_0);
    let again = plan(&eight, Quantization::Q4_0, None, false).unwrap().carry_out(1, &mut |_, _| {}).unwrap();
    assert_eq!(names(folder.path()), ["tiny.gguf", "tiny.q4_0.gguf", "tiny.q8_0.gguf", "tiny.q8_0.q4_0.gguf"]);
    assert!(matches!(plan(&again.path, Quantization::Q4_0, None, false), Err(RequantizeError::Already { .. })));
}

#[test]
fn what_is_there_stays_unless_force_is_given() {
    let (folder, path) = tiny();
    let out = folder.path().join("out.gguf");
    fs::write(&out, "mine").unwrap();
    assert!(matches!(plan(&path, Quantization::Q4_0, Some(&out), false), Err(RequantizeError::Exists { .. })));
    assert_eq!(fs::read(&out).unwrap(), b"mine");
    plan(&path, Quantization::Q4_0, Some(&out), true).unwrap().carry_out(1, &mut |_, _| {}).unwrap();
    assert_eq!(check_file(&out, None).unwrap().header().weights.main_type(), Some(TensorType::Q4_0));
    // It came between the plan and the end of the work.
    let late = folder.path().join("late.gguf");
    let planned = plan(&path, Quantization::Q4_0, Some(&late), false).unwrap();
    fs::write(&late, "mine").unwrap();
    assert!(matches!(planned.carry_out(1, &mut |_, _| {}), Err(RequantizeError::Exists { .. })));
    assert_eq!((fs::read(&late).unwrap(), names(folder.path()).len()), (b"mine".to_vec(), 3));
}

#[test]
fn a_model_is_never_written_over_itself() {
    let (folder, path) = tiny();
    let link = folder.path().join("link.gguf");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for out in [path.clone(), folder.path().join("./tiny.gguf"), link] {
        assert!(matches!(plan(&path, Quantization::Q4_0, Some(&out), true), Err(RequantizeError::SameFile { .. })), "{}", out.display());
    }
    assert_eq!(fs::read(&path).unwrap(), tiny_llama());
}

#[test]
fn bad_files_are_refused_and_nothing_is_left() {
    let (folder, path) = tiny();
    let whole = tiny_llama();
    let none = folder.path().join("none.gguf");
    assert!(matches!(plan(&none, Quantization::Q4_0, None, false), Err(RequantizeError::Gguf(GgufError::Io { .. }))));
    fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    assert!(matches!(plan(&path, Quantization::Q4_0, None, false), Err(RequantizeError::Gguf(GgufError::Damaged { .. }))));
    fs::write(&path, &whole).unwrap();
    let other = Requantization::plan(&path, Some(Digest::of(b"other")), Quantization::Q4_0, None, false);
    assert!(matches!(other, Err(RequantizeError::Gguf(GgufError::OtherHash { .. }))));
    let nowhere = folder.path().join("no/such/folder/x.gguf");
    assert!(matches!(plan(&path, Quantization::Q4_0, Some(&nowhere), false), Err(RequantizeError::Io { .. })));
    // Whole, but of no kind that llama.cpp knows.
    fs::write(&path, Fixture::small().bytes()).unwrap();
    let error = plan(&path, Quantization::Q4_0, None, false).unwrap().carry_out(1, &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, RequantizeError::Llama { .. }) && error.hint().is_some(), "{error}");
    assert_eq!(names(folder.path()), ["tiny.gguf"]);
}

#[test]
fn the_carried_reader_keeps_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let carried = materialize(folder.path()).unwrap();
    let copy = folder.path().join("copy.gguf");
    fs::copy(carried.path(), &copy).unwrap();
    let error = plan(&copy, Quantization::Q4_0, None, false).unwrap_err();
    assert!(matches!(error, RequantizeError::Carried) && error.hint().unwrap().contains("model train --encoder"), "{error}");
}

#[test]
fn only_old_processors_and_slow_types_want_another() {
    let of = |number| Weights { matrices: vec![(TensorType(number), 10, 10), (TensorType(0), 1, 1)], rest: 99 };
    let old = Processor::of(&[("SSE4.1", true, true), ("AVX", false, false)]);
    for slow in [3, 10, 11, 12, 13, 14] {
        assert_eq!(better_type(&old, &of(slow)), Some(Quantization::Q4_0), "{}", TensorType(slow));
        for processor in [Processor::of(&[("SSE4.1", true, true), ("AVX", true, true)]), Processor::of(&[])] {
            assert_eq!(better_type(&processor, &of(slow)), None, "{processor:?}");
        }
    }
    for quick in [0, 1, 2, 8] {
        assert_eq!(better_type(&old, &of(quick)), None, "{}", TensorType(quick));
    }
    assert_eq!(better_type(&old, &Weights::default()), None);
}

#[test]
fn names_of_types() {
    assert_eq!(("Q4_0".parse(), "q8_0".parse()), (Ok(Quantization::Q4_0), Ok(Quantization::Q8_0)));
    for other in ["", "q4_1", "q4_k_m", "4"] {
        assert!(other.parse::<Quantization>().is_err(), "{other}");
    }
    assert_eq!(requantized_path(Path::new("a/x.Q4_1.gguf"), Quantization::Q4_0), Path::new("a/x.Q4_1.q4_0.gguf"));
}
