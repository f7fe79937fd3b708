use std::os::unix::fs::symlink;
use std::path::PathBuf;

use axum::body::to_bytes;

use super::*;
use crate::app::tests::app;

/// A publication on the disk, and what answers for it.
struct Site {
    folder: tempfile::TempDir,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Site {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { router: files_of(&folder), folder };
        for (path, content) in files {
            site.write(path, content);
        }
        site
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("site").join(path)
    }

    /// As the renderer does: the new file takes the old one's place.
    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = self.folder.path().join("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: to_bytes(body, usize::MAX).await.unwrap().to_vec() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }
}

fn files_of(folder: &tempfile::TempDir) -> Router {
    files(&app(folder.path()))
}

#[tokio::test]
async fn a_page_is_handed_out_with_what_is_needed_to_ask_again() {
    let site = Site::new(&[("index.html", b"<p>front</p>"), ("issues/1/index.html", b"<p>one</p>")]);
    let page = site.get("/issues/1/").await;
    assert_eq!((page.status, page.body.as_slice()), (StatusCode::OK, &b"<p>one</p>"[..]));
    assert_eq!((page.header("content-type"), page.header("cache-control")), ("text/html; charset=utf-8", "no-cache"));
    let (tag, modified) = (page.header("etag").to_owned(), page.header("last-modified").to_owned());
    for (name, value) in [
        ("if-none-match", tag.as_str()),
        ("if-none-match", "*"),
        ("if-none-match", &format!("\"x\", W/{tag}")),
        ("if-modified-since", &modified),
    ] {
        let same = site.ask(Method::GET, "/issues/1/", &[(name, value)]).await;
        assert_eq!((same.status, same.body.len()), (StatusCode::NOT_MODIFIED, 0), "{name}: {value}");
        assert_eq!(same.header("etag"), tag);
    }
    let old = "Mon, 01 Jan 2001 00:00:00 GMT";
    for headers in [
        &[("if-none-match", "\"x\"")][..],
        &[("if-modified-since", old)],
        &[("if-modified-since", "rubbish")],
        // The tag decides alone.
        &[("if-none-match", "\"x\""), ("if-modified-since", modified.as_str())],
    ] {
        assert_eq!(site.ask(Method::GET, "/issues/1/", headers).await.status, StatusCode::OK, "{headers:?}");
    }
    let other = site.get("/").await;
    assert_ne!(other.header("etag"), tag);
}

#[tokio::test]
async fn head_says_the_same_without_the_body() {
    let site = Site::new(&[("index.html", b"<p>front</p>")]);
    let (get, head) = (site.get("/").await, site.ask(Method::HEAD, "/", &[]).await);
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for name in ["etag", "content-type", "last-modified", "cache-control", "content-length"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn only_what_is_asked_for_by_its_digest_is_kept_for_ever() {
    let site = Site::new(&[("style.css", b"body {}")]);
    let digest = site.get("/style.css").await.header("etag").trim_matches('"').to_owned();
    for query in [digest[..8].to_owned(), format!("v={}", &digest[..12])] {
        assert_eq!(site.get(&format!("/style.css?{query}")).await.header("cache-control"), FOR_EVER, "{query}");
    }
    for query in ["", "v=", "v=00000000", "v=1", &digest[..7]] {
        assert_eq!(site.get(&format!("/style.css?{query}")).await.header("cache-control"), "no-cache", "{query}");
    }
    // What a page names before the renderer has replaced the file is not that file.
    site.write("style.css", b"body { color: black }");
    let fresh = Site { router: files_of(&site.folder), ..site };
    assert_eq!(fresh.get(&format!("/style.css?{}", &digest[..8])).await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn a_file_that_was_replaced_or_removed_is_seen_soon() {
    let site = Site::new(&[("index.html", b"old")]);
    assert_eq!(site.get("/").await.body, b"old");
    site.write("index.html", b"new");
    seen(&site, |answer| answer.body == b"new").await;
    std::fs::remove_file(site.path("index.html")).unwrap();
    seen(&site, |answer| answer.status == StatusCode::NOT_FOUND).await;
    site.write("index.html", b"back");
    assert_eq!(site.get("/").await.body, b"back", "that nothing was there is not remembered");
}

/// Asks until it is so; a test that waits for ever has failed.
async fn seen(site: &Site, is_so: impl Fn(&Answer) -> bool) {
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_so(&site.get("/").await) {
        assert!(tokio::time::Instant::now() < until, "never seen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_folder_leads_to_its_slash_on_the_same_host() {
    let site = Site::new(&[("issues/1/index.html", b"one"), ("issues/a:b/index.html", b"ab"), ("empty/x/y", b"")]);
    for (asked, to) in
        [("/issues/1", "./1/"), ("/issues/1?x=1", "./1/?x=1"), ("/issues/a:b", "./a:b/"), ("http://evil.example/issues/1", "./1/")]
    {
        let answer = site.get(asked).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, to), "{asked}");
    }
    for asked in ["//evil.example/issues/1", "/empty", "/empty/", "/issues/1/index.html/", "//issues/1", "/%5cevil.example/.."] {
        assert_eq!(site.get(asked).await.status, StatusCode::NOT_FOUND, "{asked}");
    }
}

#[tokio::test]
async fn nothing_hidden_or_outside_is_handed_out() {
    let site = Site::new(&[("a.html", b"a"), (".git/config", b"secret"), (".env", b"secret"), (".well-known/security.txt", b"Contact:")]);
    std::fs::write(site.folder.path().join("reveille.toml"), "secret").unwrap();
    symlink(site.folder.path().join("reveille.toml"), site.path("link.txt")).unwrap();
    symlink(site.folder.path(), site.path("home")).unwrap();
    symlink(site.path("a.html"), site.path("inside.html")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(site.path("pipe")).status().unwrap();
    assert!(pipe.success());
    for asked in [
        "/.git/config",
        "/.env",
        "/../reveille.toml",
        "/%2e%2e/reveille.toml",
        "/..%2freveille.toml",
        "/a.html/../../reveille.toml",
        "/link.txt",
        "/home/reveille.toml",
        "/home/",
        "/pipe",
        "/a.html/",
        "/a.html%00",
    ] {
        let answer = site.get(asked).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{asked}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "{asked}");
    }
    assert_eq!(site.get("/inside.html").await.body, b"a");
    assert_eq!(site.get("/.well-known/security.txt").await.body, b"Contact:");
}

#[tokio::test]
async fn large_files_and_parts_come_from_the_disk() {
    let large: Vec<u8> = (0..600_000_u32).map(|number| (number % 251) as u8).collect();
    let site = Site::new(&[("talk.mp3", &large), ("small.txt", b"0123456789")]);
    let whole = site.get("/talk.mp3").await;
    assert_eq!((whole.status, whole.body == large, whole.header("content-type")), (StatusCode::OK, true, "audio/mpeg"));
    let part = site.ask(Method::GET, "/talk.mp3", &[("range", "bytes=1000-1999")]).await;
    assert_eq!((part.status, part.body == large[1000..2000]), (StatusCode::PARTIAL_CONTENT, true));
    let part = site.ask(Method::GET, "/small.txt", &[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.body.as_slice()), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
    assert_eq!(part.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(site.ask(Method::GET, "/small.txt", &[("range", "bytes=90-")]).await.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn more_than_memory_may_hold_is_handed_out_all_the_same() {
    let content = |number: usize| vec![b'a' + (number % 26) as u8; 200_000];
    let names: Vec<_> = (0..120).map(|number| format!("{number}.txt")).collect();
    let site = Site::new(&[]);
    for (number, name) in names.iter().enumerate() {
        site.write(name, &content(number));
    }
    let shelf = Arc::new(Shelf::of(&site.path("")));
    for (number, name) in names.iter().enumerate().chain(names.iter().enumerate()) {
        let Found::Kept(kept) = shelf.find(name).await else { panic!("{name}") };
        assert_eq!(kept.body, content(number));
        assert!(shelf.weight() <= 16 * 1024 * 1024, "{}", shelf.weight());
    }
    assert!(shelf.weight() > 1_000_000);
}

#[tokio::test]
async fn a_missing_page_is_the_publications_own_or_ours() {
    let site = Site::new(&[]);
    let ours = site.get("/nothing").await;
    assert_eq!(ours.status, StatusCode::NOT_FOUND);
    assert!(String::from_utf8_lossy(&ours.body).contains("There is no page at this address."));
    site.write("404.html", b"<p>own</p>");
    let own = site.get("/nothing").await;
    assert_eq!(
        (own.status, own.body.as_slice(), own.header("content-type")),
        (StatusCode::NOT_FOUND, &b"<p>own</p>"[..], "text/html; charset=utf-8")
    );
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let refused = site.ask(method.clone(), "/nothing", &[]).await;
        assert_eq!((refused.status, refused.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"), "{method}");
    }
}
