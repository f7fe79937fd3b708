//! Surveys through the whole router: what scanners, strangers and other sites can't do.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::{DateTime, Utc};
use reveille_memory::{Memory, Question, SuppressedFor};
use reveille_mission::{subscriber_bytes, subscriber_id};
use tower::ServiceExt as _;

use super::*;
use crate::router;

const KEY: &[u8] = b"a key of the home, of 32 bytes ..";

fn now() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().expect("a time")
}

struct Site {
    folder: tempfile::TempDir,
    app: App,
    number: u64,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::open(&folder.path().join("reveille.db"), now()).expect("made");
        let question = |ask: &str| Question { ask: ask.to_owned(), choices: vec!["<b>yes</b>".to_owned(), "no".to_owned()] };
        let number = memory.keep_survey("s", &[question("Longer?"), question("<script>alert(1)</script>")], now()).expect("kept");
        memory.suppress(&[subscriber_id("gone@home.net")], SuppressedFor::Left, now()).expect("kept");
        let app = App { key: KEY.into(), now: Arc::new(now), ..crate::app::tests::app(folder.path()) };
        Self { folder, app, number: number.into() }
    }

    fn counts(&self) -> Vec<Vec<u64>> {
        let memory = Memory::open(&self.folder.path().join("reveille.db"), now()).expect("opened");
        let survey = memory.surveys().expect("read").pop().expect("there");
        memory.survey_counts(&survey).expect("counted")
    }

    async fn ask(&self, method: &str, token: &str, origin: Option<(&str, &str)>, body: &str) -> (StatusCode, String) {
        let mut request = Request::builder().method(method).uri(format!("/survey/{token}"));
        request = request.header("content-type", "application/x-www-form-urlencoded");
        if let Some((name, value)) = origin {
            request = request.header(name, value);
        }
        let answer = router(&self.app).oneshot(request.body(Body::from(body.to_owned())).expect("a request")).await.expect("an answer");
        assert!(answer.headers().contains_key("content-security-policy"));
        assert_eq!(answer.headers().get("cache-control").map(|value| value.as_bytes()), Some(&b"no-store"[..]));
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn token(purpose: Purpose, who: &str, item: u64, expires: Option<DateTime<Utc>>) -> String {
    let subscriber = subscriber_bytes(&subscriber_id(who)).expect("an id");
    Token { purpose, subscriber, item, expires }.mint(KEY)
}

const HERE: Option<(&str, &str)> = Some(("origin", "https://letter.example"));

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

#[test]
fn a_get_shows_and_a_post_keeps() {
    run(gets_and_posts());
}

async fn gets_and_posts() {
    let site = Site::start();
    let ann = token(Purpose::Survey, "ann@home.net", site.number, None);
    let (status, page) = site.ask("GET", &ann, None, "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Longer?") && !page.contains("<script") && !page.contains("<b>yes"), "{page}");
    assert_eq!(site.ask("HEAD", &ann, None, "").await.0, StatusCode::OK);
    assert_eq!(site.counts(), [[0, 0], [0, 0]], "a scanner has answered");
    assert_eq!(site.ask("POST", &ann, HERE, "first=0&second=1").await.0, StatusCode::OK);
    let referer = Some(("referer", "https://letter.example/survey/x"));
    assert_eq!(site.ask("POST", &ann, referer, "first=1&second=1").await.0, StatusCode::OK);
    assert_eq!(site.counts(), [[0, 1], [0, 1]], "the later answer counts");
}

#[test]
fn nobody_answers_for_others() {
    run(strangers());
}

async fn strangers() {
    let site = Site::start();
    let ann = token(Purpose::Survey, "ann@home.net", site.number, None);
    let good = "first=0&second=1";
    for (token, origin, body, expected) in [
        (ann.clone(), None, good, StatusCode::FORBIDDEN),
        (ann.clone(), Some(("origin", "https://evil.example")), good, StatusCode::FORBIDDEN),
        (ann.clone(), Some(("origin", "null")), good, StatusCode::FORBIDDEN),
        (ann.clone(), Some(("origin", "https://letter.example.evil.example")), good, StatusCode::FORBIDDEN),
        (ann.clone(), HERE, "first=0", StatusCode::BAD_REQUEST),
        (ann.clone(), HERE, "first=0&second=2", StatusCode::BAD_REQUEST),
        (ann.clone(), HERE, "first=-1&second=0", StatusCode::BAD_REQUEST),
        (ann.clone(), HERE, &"first=0&second=1&".repeat(1000), StatusCode::BAD_REQUEST),
        (format!("{ann}A"), HERE, good, StatusCode::NOT_FOUND),
        (token(Purpose::Click, "ann@home.net", site.number, None), HERE, good, StatusCode::NOT_FOUND),
        (token(Purpose::Survey, "ann@home.net", site.number ^ 1, None), HERE, good, StatusCode::NOT_FOUND),
        (token(Purpose::Survey, "ann@home.net", u64::MAX, None), HERE, good, StatusCode::NOT_FOUND),
        (token(Purpose::Survey, "ann@home.net", site.number, Some(now() - chrono::TimeDelta::seconds(1))), HERE, good, StatusCode::GONE),
        (token(Purpose::Survey, "gone@home.net", site.number, None), HERE, good, StatusCode::GONE),
    ] {
        let (status, page) = site.ask("POST", &token, origin, body).await;
        assert_eq!(status, expected, "{origin:?} {body:.30}: {page}");
    }
    assert_eq!(site.counts(), [[0, 0], [0, 0]]);
    assert_eq!(site.ask("GET", &token(Purpose::Survey, "gone@home.net", site.number, None), None, "").await.0, StatusCode::GONE);
}
