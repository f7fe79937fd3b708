use axum::body::Body;
use chrono::NaiveDate;
use reveille_memory::Memory;
use reveille_mission::{DayCount, Purpose, Token, subscriber_bytes, subscriber_id};
use tower::ServiceExt;

use super::*;
use crate::router;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0";

/// An application over a folder with two pages, and a second hand on its memory.
fn app() -> (tempfile::TempDir, App) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("site");
    std::fs::create_dir_all(files.join("issues/one")).expect("made");
    for page in ["index.html", "issues/one/index.html"] {
        std::fs::write(files.join(page), "<p>words").expect("written");
    }
    std::fs::write(files.join("style.css"), "p {}").expect("written");
    let app = App { visits: Visits::new(vec![("social.example".into(), Channel::Mastodon)]), ..crate::app::tests::app(folder.path()) };
    (folder, app)
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri(path).header("host", "letter.example");
    if !headers.iter().any(|(name, _)| *name == "user-agent") {
        request = request.header("user-agent", FIREFOX);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).expect("a request");
    request.extensions_mut().insert(Peer("203.0.113.7".parse().expect("an address")));
    request
}

async fn fetch(app: &App, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    router(app).oneshot(request(method, path, headers)).await.expect("an answer")
}

/// Views and programs of the day, and how many landed by what.
async fn counted_so_far(app: &App) -> (u64, u64, Vec<(String, u64)>) {
    app.visits.flush(app).await;
    let read = |memory: &mut Memory| {
        let days = memory.visits_since(NaiveDate::default())?;
        Ok((days, memory.funnel_since(NaiveDate::default())?))
    };
    let (days, funnel) = app.writer.write(read).await.expect("read");
    let landed = funnel.into_iter().map(|DayCount { source, people, .. }| (source, people)).collect();
    (days.iter().map(|day| day.views).sum(), days.iter().map(|day| day.robots).sum(), landed)
}

#[tokio::test]
async fn a_look_at_a_page_is_counted_by_what_brought_it_and_nothing_else_is() {
    let (_folder, app) = app();
    for (method, path, headers) in [
        ("GET", "/?via=mastodon", &[][..]),
        ("GET", "/issues/one/", &[("referer", "https://letter.example/")][..]),
        // Nothing that somebody looks at, or not there.
        ("GET", "/style.css", &[][..]),
        ("GET", "/nothing/", &[][..]),
        ("POST", "/", &[][..]),
        ("GET", "/", &[("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors")][..]),
    ] {
        fetch(&app, method, path, headers).await;
    }
    assert_eq!(counted_so_far(&app).await, (2, 0, vec![("mastodon".to_owned(), 1)]));
    // Programs.
    fetch(&app, "HEAD", "/", &[]).await;
    fetch(&app, "GET", "/", &[("user-agent", "curl/8.5.0")]).await;
    fetch(&app, "GET", "/", &[("sec-purpose", "prefetch")]).await;
    fetch(&app, "GET", "/", &[("user-agent", "")]).await;
    assert_eq!(counted_so_far(&app).await, (2, 4, vec![("mastodon".to_owned(), 1)]));
    // Whoever asks not to be tracked is nobody's visitor.
    fetch(&app, "GET", "/", &[("sec-gpc", "1")]).await;
    fetch(&app, "GET", "/", &[("dnt", "1")]).await;
    assert_eq!(counted_so_far(&app).await, (4, 4, vec![("mastodon".to_owned(), 1)]));
    fetch(&app, "GET", "/", &[("user-agent", "Mozilla/5.0 another"), ("referer", "https://social.example/@a/1")]).await;
    fetch(&app, "GET", "/", &[("user-agent", "Mozilla/5.0 a third"), ("sec-fetch-dest", "empty"), ("sec-fetch-mode", "navigate")]).await;
    assert_eq!(counted_so_far(&app).await, (6, 4, vec![("direct".to_owned(), 1), ("mastodon".to_owned(), 2)]));
}

#[tokio::test]
async fn a_sign_up_is_credited_to_what_brought_them_first() {
    let (_folder, app) = app();
    fetch(&app, "GET", "/?via=mastodon", &[]).await;
    fetch(&app, "GET", "/", &[("referer", "https://duckduckgo.com/")]).await;
    let touch = async |headers: &[(&str, &str)]| {
        let request = request("POST", "/subscribe", headers);
        app.visits.first_touch(&app, Peer("203.0.113.7".parse().expect("an address")), request.headers()).await
    };
    assert_eq!(touch(&[]).await, "mastodon");
    assert_eq!(touch(&[("user-agent", "another")]).await, "");
    assert_eq!(touch(&[("sec-gpc", "1")]).await, "");
}

#[test]
fn only_a_rendered_page_has_a_name() {
    let (folder, files) = {
        let folder = tempfile::tempdir().expect("a folder");
        let files = folder.path().join("site");
        std::fs::create_dir_all(files.join("issues/one")).expect("made");
        std::fs::write(files.join("issues/one/index.html"), "").expect("written");
        std::fs::write(files.join("404.html"), "").expect("written");
        (folder, files)
    };
    std::fs::write(folder.path().join("outside.html"), "").expect("written");
    for (page, expected) in [
        ("/issues/one/", true),
        ("/404.html", true),
        ("/", false),
        ("/issues/one", false),
        ("/issues/ONE/", false),
        ("/issues/two/", false),
        ("/issues//one/", false),
        ("/../outside.html", false),
        ("/issues/./one/", false),
        ("/issues/%6fne/", false),
        ("", false),
    ] {
        assert_eq!(is_published(&files, page), expected, "{page}");
    }
}

#[tokio::test]
async fn a_link_of_a_letter_leads_where_it_led_and_nowhere_else() {
    let (_folder, app) = app();
    let subscriber = subscriber_bytes(&subscriber_id("ann@home.net")).expect("an id");
    let token = |purpose, item| Token { purpose, subscriber, item, expires: None }.mint(&app.key);
    let links = vec!["https://elsewhere.example/?a=1&b=2".to_owned()];
    app.writer.write(move |memory| memory.keep_links(7, "45", &links, &[])).await.expect("kept");
    let good = token(Purpose::Click, 7);
    for method in ["GET", "HEAD"] {
        let answer = fetch(&app, method, &format!("/c/{good}/0"), &[]).await;
        assert_eq!(
            (answer.status(), &answer.headers()["location"]),
            (StatusCode::FOUND, &"https://elsewhere.example/?a=1&b=2".parse().expect("a header"))
        );
    }
    for path in [
        format!("/c/{good}/1"),
        format!("/c/{good}/https:%2F%2Fevil.example"),
        format!("/c/{}/0", token(Purpose::Leave, 7)),
        format!("/c/{}/0", token(Purpose::Click, 8)),
        format!("/c/{}x/0", &good[..good.len() - 1]),
        "/c/a/0".to_owned(),
    ] {
        let answer = fetch(&app, "GET", &path, &[]).await;
        assert_eq!((answer.status(), answer.headers().get("location")), (StatusCode::NOT_FOUND, None), "{path}");
    }
    // No address with a token in it is a page.
    assert_eq!(counted_so_far(&app).await.0, 0);
}

#[tokio::test]
async fn a_reader_s_own_links_are_nobody_s_visit_and_make_no_day_the_server_s() {
    let (_folder, app) = app();
    let subscriber = subscriber_bytes(&subscriber_id("ann@home.net")).expect("an id");
    let token = |purpose| Token { purpose, subscriber, item: 0, expires: None }.mint(&app.key);
    for (path, status) in [
        (format!("/confirm/{}", token(Purpose::Confirm)), None),
        (format!("/preferences/{}", token(Purpose::Preferences)), Some(StatusCode::OK)),
        (format!("/leave/{}", token(Purpose::Leave)), Some(StatusCode::OK)),
        ("/subscribe".to_owned(), Some(StatusCode::OK)),
    ] {
        let answer = fetch(&app, "GET", &path, &[]).await;
        assert!(status.is_none_or(|status| answer.status() == status), "{path}: {}", answer.status());
    }
    assert_eq!(counted_so_far(&app).await, (0, 0, vec![]));
    let today = (app.now)().date_naive();
    assert!(!app.writer.write(move |memory| memory.is_counted(today)).await.expect("read"), "its log may be read");
    // The form is a place to land on, once the server hands out the pages; one's own links never are.
    fetch(&app, "GET", "/", &[]).await;
    fetch(&app, "GET", "/subscribe?via=mastodon", &[("user-agent", "Mozilla/5.0 another")]).await;
    fetch(&app, "GET", &format!("/leave/{}", token(Purpose::Leave)), &[("user-agent", "Mozilla/5.0 a third")]).await;
    let (views, _, landed) = counted_so_far(&app).await;
    assert_eq!((views, landed), (2, vec![("direct".to_owned(), 1), ("mastodon".to_owned(), 1)]));
}
