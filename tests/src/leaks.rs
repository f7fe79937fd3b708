//! Where the credentials of a home stand, and where they stand besides.
//!
//! A credential is what lies in a store of the home (a file that its settings name as one, `secrets/`, the session and the key that the
//! program keeps), what the settings take from the environment, and whatever holds the mark that credentials of tests bear.

use std::collections::BTreeSet;
use std::path::Path;

/// In every credential that tests make up.
const MARK: &str = "cnry-";

/// What is shorter could stand anywhere by chance.
const SHORTEST: usize = 8;

/// Files that the program keeps secrets in by itself.
const KEPT: [&str; 2] = ["memory/bluesky-session.json", "memory/unsubscribe.key"];

/// The places (files, or what was said) in which a credential stands that does not belong there.
pub(crate) fn find(home: &Path, environment: &[(String, String)], said: &str) -> BTreeSet<String> {
    let settings = std::fs::read_to_string(home.join("reveille.toml")).unwrap_or_default();
    let (stores, others): (Vec<_>, Vec<_>) = files(home).into_iter().partition(|path| is_store(path, &settings));
    let mut credentials = BTreeSet::from([MARK.as_bytes().to_vec()]);
    for (name, value) in environment {
        if named(&settings, "env").contains(&name.as_str()) {
            add(&mut credentials, value.as_bytes());
        }
    }
    for bytes in stores.iter().filter_map(|path| std::fs::read(home.join(path)).ok()) {
        add(&mut credentials, &bytes);
        bytes.split(|byte| b"\n\"".contains(byte)).filter(|part| is_secret(part)).for_each(|part| add(&mut credentials, part));
    }
    let holds = |bytes: &[u8]| credentials.iter().any(|credential| contains(bytes, credential));
    // The human's own file: what they paste there is theirs, and the program never writes it.
    let mut others: BTreeSet<String> = others.into_iter().filter(|path| path != "reveille.toml").collect();
    others.retain(|path| std::fs::read(home.join(path)).is_ok_and(|bytes| holds(&bytes)));
    if holds(said.as_bytes()) {
        others.insert("what the program said".to_owned());
    }
    others
}

fn add(credentials: &mut BTreeSet<Vec<u8>>, bytes: &[u8]) {
    let bytes = bytes.trim_ascii();
    if bytes.len() >= SHORTEST {
        credentials.insert(bytes.to_vec());
    }
}

/// Of a store's parts the ones that are none of its words: a line of a key, a token, but no name, address or heading.
fn is_secret(part: &[u8]) -> bool {
    part.len() >= 20 && !part.starts_with(b"-----") && !part.starts_with(b"did:") && !part.starts_with(b"http")
}

fn is_store(path: &str, settings: &str) -> bool {
    // A backup holds the key, or readers could not leave by letters that were sent before it was restored.
    let backed_up = path.starts_with("memory/backups/") && path.ends_with("/home/memory/unsubscribe.key");
    path.starts_with("secrets/") || KEPT.contains(&path) || backed_up || named(settings, "file").contains(&path)
}

/// What the settings name as `kind = "…"`.
fn named<'a>(settings: &'a str, kind: &str) -> Vec<&'a str> {
    let start = format!("{kind} = \"");
    settings.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// All files below a folder, relative to it. Links are not followed.
fn files(home: &Path) -> Vec<String> {
    let (mut folders, mut files) = (vec![home.to_owned()], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    files.extend(entry.path().strip_prefix(home).ok().map(|path| path.to_string_lossy().into_owned()));
                }
                _ => {}
            }
        }
    }
    files
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(part) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}
