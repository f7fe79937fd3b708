//! The limits through the whole router.

use axum::body::Body;
use chrono::{DateTime, Utc};
use reveille_mission::{subscriber_bytes, subscriber_id};
use tower::ServiceExt as _;

use super::*;
use crate::router;

fn link(app: &App, page: &str, purpose: Purpose, who: &str, expires: Option<DateTime<Utc>>) -> String {
    let subscriber = subscriber_bytes(&subscriber_id(who)).expect("an id");
    format!("/{page}/{}", Token { purpose, subscriber, item: 0, expires }.mint(&app.key))
}

async fn ask(site: &Router, method: &str, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path).header("origin", "https://letter.example");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::empty()).expect("a request");
    site.clone().oneshot(request).await.expect("an answer")
}

/// How many of forty were not told to wait.
async fn taken(site: &Router, method: &str, path: &str) -> usize {
    let mut taken = 0;
    for _ in 0..40 {
        let answer = ask(site, method, path).await;
        let waits = answer.status() == StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(waits, answer.headers().contains_key(RETRY_AFTER), "{path}");
        taken += usize::from(!waits);
    }
    taken
}

#[tokio::test]
async fn a_reader_waits_and_others_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = crate::app::tests::app(folder.path());
    let site = router(&app);
    // Ten at once; on a slow machine a few more in the time that it takes.
    let few = 9..35;
    let own = |who| link(&app, "preferences", Purpose::Preferences, who, None);
    let ann = own("ann@home.net");
    for (method, path) in [
        ("POST", ann.clone()),
        ("POST", format!("{ann}/delete")),
        ("POST", link(&app, "survey", Purpose::Survey, "ann@home.net", None)),
        ("POST", link(&app, "confirm", Purpose::Confirm, "ann@home.net", None)),
        ("GET", format!("{ann}/data")),
    ] {
        let first = taken(&site, method, &path).await;
        assert!(few.contains(&first), "{method} {path}: {first}");
    }
    // A fresh link of hers, and another spelling of it, are hers.
    let later = (app.now)() + chrono::TimeDelta::days(1);
    let fresh = link(&app, "preferences", Purpose::Preferences, "ann@home.net", Some(later));
    assert!(taken(&site, "GET", &format!("{fresh}/data")).await < 5);
    let spelt = format!("/preferences/%{:02X}{}/data", fresh.as_bytes()["/preferences/".len()], &fresh["/preferences/".len() + 1..]);
    assert!(taken(&site, "GET", &spelt).await < 5);
    // Somebody else, in the same network, is not kept waiting; nor is she from looking, or from leaving.
    assert_eq!(ask(&site, "GET", &format!("{}/data", own("bob@home.net"))).await.status(), StatusCode::OK);
    assert_eq!(taken(&site, "GET", &ann).await, 40);
    let leave = link(&app, "leave", Purpose::Leave, "ann@home.net", None);
    assert_eq!(taken(&site, "GET", &leave).await, 40);
    assert_eq!(ask(&site, "POST", &leave).await.status(), StatusCode::OK);
    assert!(few.contains(&taken(&site, "POST", &leave).await));
    // What is no link takes no place: it is told so each time.
    assert_eq!(taken(&site, "POST", "/preferences/made-up").await, 40);
}
