use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use axum::routing::{get, post};
use tower::ServiceExt as _;

use super::*;
use crate::app::tests::app;

/// What every answer must say, however it came about.
fn strict(headers: &HeaderMap) {
    let header = |name: &str| headers.get(name).unwrap_or_else(|| panic!("no {name} in {headers:?}")).to_str().unwrap();
    let policy = header("content-security-policy");
    for word in
        ["default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
    {
        assert!(policy.contains(word), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "strict-origin-when-cross-origin");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin");
    assert!(header("permissions-policy").contains("camera=()"));
    assert_eq!(header("strict-transport-security"), "max-age=31536000");
    assert!(["no-store", "no-cache"].contains(&header("cache-control")));
}

fn request(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// The bounds around handlers that do what ours should not.
fn odd(app: &App, time: Duration) -> Router {
    let widened = [("content-security-policy", "default-src *"), ("referrer-policy", "unsafe-url")];
    let routes = files(app)
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .route("/slow", get(std::future::pending::<()>))
        .route("/form", post(|_: Bytes| async { "taken" }))
        .route("/wide", get(move || async move { (widened, "wide") }));
    bounded(routes, app, time)
}

#[tokio::test]
async fn every_kind_of_answer_has_the_same_strict_headers() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path());
    std::fs::write(folder.path().join("site/index.html"), "front").unwrap();
    std::fs::create_dir_all(folder.path().join("site/x")).unwrap();
    std::fs::write(folder.path().join("site/x/index.html"), "x").unwrap();
    let router = odd(&app, Duration::from_millis(50));
    let form = |body: Vec<u8>| Request::post("/form").body(Body::from(body)).unwrap();
    let said = |length: usize| Request::post("/form").header("content-length", length).body(Body::empty()).unwrap();
    for (request, status) in [
        (request("GET", "/"), 200),
        (request("HEAD", "/"), 200),
        (Request::get("/").header("if-none-match", "*").body(Body::empty()).unwrap(), 304),
        (Request::get("/").header("range", "bytes=0-1").body(Body::empty()).unwrap(), 206),
        (request("GET", "/x"), 308),
        (request("GET", "/nothing"), 404),
        (request("POST", "/"), 405),
        (request("GET", "/form"), 405),
        (request("GET", "/slow"), 408),
        (form(vec![b'x'; BODY]), 200),
        (form(vec![b'x'; BODY + 1]), 413),
        (said(1 << 40), 413),
        (request("GET", "/panic"), 500),
        (request("GET", "/wide"), 200),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{what}");
        strict(answer.headers());
    }
}

#[tokio::test]
async fn a_body_of_unsaid_length_is_cut_off_at_the_same_size() {
    let folder = tempfile::tempdir().unwrap();
    let router = odd(&app(folder.path()), REQUEST);
    let endless = Body::new(Endless { sent: 0 });
    let answer = router.oneshot(Request::post("/form").body(endless).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 413);
    strict(answer.headers());
}

/// A body that never ends; whoever reads all of it fails.
struct Endless {
    sent: usize,
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        self.sent += 1024;
        assert!(self.sent <= 2 * BODY, "more was read than is taken");
        std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(&[b'x'; 1024])))))
    }
}

#[tokio::test]
async fn a_publication_without_https_does_not_ask_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    let mut publication = (*app.publication).clone();
    publication.url = "http://letter.example/".parse().unwrap();
    app.publication = publication.into();
    let answer = router(&app).oneshot(request("GET", "/")).await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"));
    assert!(answer.headers().contains_key("content-security-policy"));
}
