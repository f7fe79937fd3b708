//! Nothing that is not a whole GGUF file gets through, and nothing makes the reading fall or grow.

use std::io::Cursor;

use proptest::prelude::*;

use super::fixture::{Fixture, list, text};
use super::*;

fn header(bytes: &[u8]) -> Result<Gguf, Fault> {
    read_header(&mut Source::new(Cursor::new(bytes), bytes.len() as u64)).expect("memory can be read")
}

#[test]
fn a_whole_file_is_read() {
    let bytes = Fixture::small().bytes();
    let found = header(&bytes).unwrap();
    insta::assert_compact_debug_snapshot!(found, @r#"Gguf { version: 3, architecture: "toy", name: "a toy", context_length: 128, embedding_length: 64, tensors: 2, weights: Weights { matrices: [(TensorType(8), 68, 64)], rest: 12 }, size: 524 }"#);
}

#[test]
fn no_part_of_a_file_is_a_file() {
    let bytes = Fixture::small().bytes();
    for end in 0..bytes.len() {
        assert!(header(&bytes[..end]).is_err(), "the first {end} bytes");
    }
}

#[test]
fn what_is_wrong_is_said() {
    type Change = fn(&mut Fixture);
    let cases: [(&str, Change); 22] = [
        ("version 1 is not known (2 and 3 are)", |file| file.version = 1),
        ("the key general.architecture is missing", |file| drop(file.entries.remove(0))),
        ("the key toy.context_length is missing", |file| drop(file.entries.remove(2))),
        ("the key toy.context_length is missing", |file| file.entries[2].2 = vec![0; 4]),
        ("a general key has the wrong type", |file| file.entries[0].1 = 4),
        ("a key stands twice", |file| file.entries.push(file.entries[4].clone())),
        ("a key has an unknown type", |file| file.entries[4].1 = 99),
        ("a key is 300, at most 256 is allowed", |file| file.entries[4].0 = vec![b'k'; 300]),
        ("a name is not UTF-8", |file| file.entries[4].0 = vec![0xff]),
        ("a truth value is neither 0 nor 1", |file| file.entries[5].2 = vec![2]),
        ("a list holds lists", |file| file.entries[6].2 = list(9, 1, &list(4, 0, &[]))),
        ("a list's length is 18446744073709551615, at most 240 is allowed", |file| file.entries[6].2 = list(8, u64::MAX, &[])),
        ("a list's length is 9223372036854775807, at most 4611686018427387903 is allowed", |file| {
            file.entries[7].2 = list(5, u64::MAX / 2, &[]);
        }),
        ("general.alignment is no power of two between 8 and 65536", |file| {
            file.entries.push((b"general.alignment".to_vec(), 4, 48_u32.to_le_bytes().to_vec()));
        }),
        ("a tensor's number of dimensions is 5, at most 4 is allowed", |file| file.tensors[0].1 = vec![1; 5]),
        ("a tensor is too large", |file| file.tensors[0].1 = vec![u64::MAX, u64::MAX]),
        ("a tensor's shape does not fit its type", |file| file.tensors[0].1 = vec![31, 2]),
        ("a tensor's shape does not fit its type", |file| file.tensors[0].1 = vec![0]),
        ("a tensor has an unknown type", |file| file.tensors[0].2 = 4),
        ("a tensor does not begin where the one before it ends", |file| file.tensors[1].3 = 64),
        ("a tensor stands twice", |file| file.tensors[1].0 = "one"),
        ("it has no tensors", |file| file.tensors.clear()),
    ];
    for (message, change) in cases {
        let mut file = Fixture::small();
        change(&mut file);
        assert_eq!(header(&file.bytes()).unwrap_err().to_string(), message);
    }
}

#[test]
fn counts_beyond_their_bounds_are_refused_at_once() {
    for place in [8, 16] {
        let mut bytes = Fixture::small().bytes();
        bytes[place..place + 8].fill(0xff);
        assert!(matches!(header(&bytes), Err(Fault::TooMany { found: u64::MAX, .. })), "{place}");
    }
    let mut file = Fixture::small();
    file.entries[1].2 = text(&"long ".repeat(1_000));
    assert!(matches!(header(&file.bytes()), Err(Fault::TooMany { what: "general.name", .. })));
}

#[test]
fn files_are_held_against_their_sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toy.gguf");
    let mut bytes = Fixture::small().bytes();
    std::fs::write(&path, &bytes).unwrap();
    let sum = Digest::of(&bytes);
    let checked = check_file(&path, Some(sum)).unwrap();
    assert_eq!((checked.sha256(), checked.header().context_length), (sum, 128));
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(check_file(&path, None).is_ok(), "its structure is in order");
    let error = check_file(&path, Some(sum)).unwrap_err();
    assert!(matches!(error, GgufError::OtherHash { .. }), "{error}");
    assert!(error.hint().unwrap().contains("model pull"));
    std::fs::write(&path, "PK\u{3}\u{4}").unwrap();
    assert!(matches!(check_file(&path, None), Err(GgufError::NotGguf { .. })));
    std::fs::write(&path, "GGUF").unwrap();
    assert!(matches!(check_file(&path, None), Err(GgufError::Damaged { .. })));
    assert!(matches!(check_file(folder.path(), None), Err(GgufError::Io { .. })));
    assert!(matches!(check_file(&folder.path().join("none"), None), Err(GgufError::Io { .. })));
}

proptest! {
    #[test]
    fn changed_bytes_never_make_it_fall(changes in prop::collection::vec((0_usize..524, any::<u8>()), 1..12)) {
        let mut bytes = Fixture::small().bytes();
        for (at, to) in changes {
            bytes[at] = to;
        }
        if let Ok(found) = header(&bytes) {
            prop_assert!(found.architecture.len() <= 1024 && found.size == 524);
        }
    }

    #[test]
    fn any_bytes_behind_the_magic_never_make_it_fall(rest in prop::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(header(&[&b"GGUF\x03\0\0\0"[..], &rest].concat()).is_err());
    }
}
