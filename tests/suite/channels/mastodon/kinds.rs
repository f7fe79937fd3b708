//! Servers that differ: no v2 page, no batch call, nothing without a token, pages that know no `max_id`, pictures that take their
//! time; and the login.

use super::*;

#[test]
fn a_server_with_little_is_enough() {
    let server = servers::Mastodon::start();
    let url = server.url.clone();
    let scripted = Scripted::start(move |request, _| {
        let lacks = |path: &str| request.path.starts_with(path);
        let v1 = json!({"uri": "snac.example", "version": "snac", "configuration": {"statuses": {"max_characters": 100_000}}});
        match () {
            () if request.header("authorization").is_none() => Play::json(401, &json!({"error": "Unauthorized: token not supplied"})),
            () if lacks("/api/v2/instance") || lacks("/api/v1/statuses?") => Play::json(404, &json!({"error": "Not Found"})),
            () if lacks("/api/v1/instance") => Play::json(200, &v1),
            () => request.forward(&url),
        }
    });
    let (connection, mut ledger) = (account(&scripted.url), Ledger::open());
    let us = connection.account(now()).unwrap();
    assert_eq!((us.name.as_str(), us.limits), ("@letter@snac.example", PostLimits { characters: 100_000, link: 23 }));
    let frozen = freeze(&connection, WORDS, None, None);
    let sending = ledger.let_go(&frozen, "post");
    let receipt = connection.send(&sending, &[], now()).unwrap();
    assert!(matches!(connection.look(sending.effect(), now()).unwrap(), Look::There(found) if *found == receipt));
    let ids = [receipt.id.clone(), "999999".to_owned()];
    let answered = connection.answered(&ids, now()).unwrap();
    assert_eq!(answered.iter().map(|one| &one.id).collect::<Vec<_>>(), [&receipt.id]);
    // A batch is twenty; a rate limit stops it.
    let many: Vec<String> = (0..45).map(|number| format!("{}", 900_000 + number)).collect();
    assert_eq!(connection.answered(&many, now()).unwrap(), []);
    let batches = scripted.requests().iter().filter(|request| request.path.matches("id[]=").count() == 20).count();
    assert_eq!(batches, 2);
    server.fault(&json!({"match": {"path": "/api/v1/statuses/900003"}, "effect": {"type": "ratelimit"}, "count": 1}));
    assert!(matches!(connection.answered(&many, now()), Err(Fault::RateLimited { .. })));
}

/// A server that has these statuses, gives the same page whatever it is asked, and says a `Date`.
fn fixed(statuses: serde_json::Value, date: &'static str) -> Scripted {
    Scripted::start(move |request, _| {
        let body = if request.path.contains("verify_credentials") { json!({"id": 7}) } else { statuses.clone() };
        let headers = vec![("date".to_owned(), date.to_owned())];
        Play::Answer { status: 200, headers, body: body.to_string().into_bytes() }
    })
}

#[test]
fn a_look_knows_what_it_has_not_seen() {
    const TODAY: &str = "Fri, 20 Nov 2026 14:00:00 GMT";
    let one = |id: u32, at: &str, words: &str| json!({"id": id, "created_at": at, "content": format!("<p>{words}</p>")});
    let words = format!("Told {LINK}");
    let ours = words.replace('&', "&amp;");
    let few = json!([one(3, "2026-11-20T13:59:00Z", "a"), one(2, "2026-11-20T13:58:00Z", "b"), one(1, "2026-11-20T13:57:00Z", "c")]);
    let many: Vec<_> = (0..40).map(|id| one(900 - id, "2026-11-20T13:59:00Z", "other")).collect();
    let twice = json!([one(9, "2026-11-20T14:09:00Z", &ours), one(8, "2026-11-20T14:01:00Z", &ours)]);
    let boost = json!([{"id": 5, "created_at": "2026-11-20T14:01:00Z", "content": format!("<p>{ours}</p>"), "reblog": {"id": 1}}]);
    let old = json!([one(1, "2026-11-20T13:40:00Z", &ours)]);
    let nameless = json!([{"created_at": "2026-11-20T14:01:00Z", "content": format!("<p>{ours}</p>")}]);
    let look = |statuses: &serde_json::Value, date: &'static str| {
        let scripted = fixed(statuses.clone(), date);
        let (connection, mut ledger) = (account(&scripted.url), Ledger::open());
        let sending = ledger.let_go(&freeze(&connection, &words, None, None), "post");
        connection.look(sending.effect(), now())
    };
    assert!(matches!(look(&few, TODAY), Ok(Look::Absent { .. })));
    // More than a page since then, and no way to the next.
    assert!(matches!(look(&json!(many), TODAY), Ok(Look::CannotTell { .. })));
    assert!(matches!(look(&twice, TODAY), Ok(Look::There(receipt)) if receipt.id == "8"));
    assert!(matches!(look(&nameless, TODAY), Ok(Look::CannotTell { .. })));
    assert!(matches!(look(&boost, TODAY), Ok(Look::Absent { .. })));
    assert!(matches!(look(&old, TODAY), Ok(Look::Absent { .. })));
    // The server's clock is an hour behind ours: what it calls 13:40 is after the intent.
    assert!(matches!(look(&old, "Fri, 20 Nov 2026 13:00:00 GMT"), Ok(Look::There(_))));
    assert!(matches!(look(&json!({"error": "x"}), TODAY), Err(Fault::Unclear { .. })));
}

#[test]
fn a_picture_may_take_its_time_but_not_for_ever() {
    for (pending, posted) in [(2, true), (usize::MAX, false)] {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let scripted = Scripted::start(move |request, _| match request.path.as_str() {
            "/api/v2/media" => Play::json(202, &json!({"id": "m1", "type": "image", "url": null})),
            "/api/v1/media/m1" if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < pending => Play::json(206, &json!({})),
            // Ready, and still without an address: no reason to panic.
            "/api/v1/media/m1" => Play::json(200, &json!({"id": "m1", "type": "image", "url": null})),
            _ => Play::json(200, &json!({"id": "5", "content": "<p>x</p>", "uri": "https://social.example/5"})),
        });
        let (connection, mut ledger) = (account(&scripted.url), Ledger::open());
        let picture = picture();
        let frozen = freeze(&connection, WORDS, Some(&picture), None);
        let sent = connection.send(&ledger.let_go(&frozen, "post"), &frozen.attached, now());
        let writes: Vec<Request> = scripted.requests().into_iter().filter(is_write).collect();
        if posted {
            assert_eq!(sent.unwrap().place, "https://social.example/5");
            assert_eq!(writes[0].json()["media_ids"], json!(["m1"]));
        } else {
            assert!(matches!(sent, Err(Fault::Later { .. })), "{sent:?}");
            assert!(writes.is_empty());
        }
        let upload = &scripted.requests()[0];
        let form = String::from_utf8_lossy(&upload.body).into_owned();
        assert!(form.contains("A hill at dawn") && form.contains("image/png"), "{form}");
    }
}

#[test]
fn a_picture_that_is_gone_when_it_is_attached_is_unclear() {
    let scripted = Scripted::start(|request, _| match request.path.as_str() {
        "/api/v2/media" => Play::json(200, &json!({"id": "m1", "type": "image", "url": "https://social.example/m1"})),
        _ => Play::json(404, &json!({"error": "Record not found"})),
    });
    let (connection, mut ledger) = (account(&scripted.url), Ledger::open());
    let picture = picture();
    let shown = freeze(&connection, WORDS, Some(&picture), None);
    let sent = connection.send(&ledger.let_go(&shown, "shown"), &shown.attached, now());
    assert!(matches!(sent, Err(Fault::Unclear { .. })), "{sent:?}");
    let plain = freeze(&connection, WORDS, None, None);
    let sent = connection.send(&ledger.let_go(&plain, "plain"), &[], now());
    assert!(matches!(sent, Err(Fault::Later { .. })), "{sent:?}");
}

#[test]
fn a_login_ends_with_a_token_that_works() {
    let server = servers::Mastodon::start();
    let url = Url::parse(&server.url).unwrap();
    let begun = login::begin(&url, Duration::from_secs(5)).unwrap();
    let query: std::collections::HashMap<_, _> = begun.page.query_pairs().into_owned().collect();
    assert_eq!((begun.page.origin(), begun.page.path()), (url.origin(), "/oauth/authorize"));
    assert_eq!(query["redirect_uri"], "urn:ietf:wg:oauth:2.0:oob");
    assert_eq!(query["scope"], "read write:statuses write:media");
    let fault = begun.finish("wrong-code").unwrap_err();
    assert!(matches!(fault, Fault::Refused { .. }) && !format!("{fault:?}{fault}").contains("wrong-code"), "{fault}");
    // What the person does on the page.
    let allowed = reqwest::blocking::Client::new()
        .post(format!("{}/oauth/authorize", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=letter")
        .send()
        .unwrap();
    let shown = allowed.text().unwrap();
    let code = shown.split("code: ").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let token = begun.finish(&format!(" {code}\n")).unwrap();
    assert!(!format!("{begun:?}{token:?}").contains(token.expose_secret()));
    let connection = Connection::Mastodon(Mastodon::new(&url, token, Duration::from_secs(5)).unwrap());
    assert!(connection.account(now()).unwrap().name.starts_with("@letter@"));
    let silent = Scripted::start(|_, _| Play::Silence(Duration::from_secs(70)));
    let fault = login::begin(&Url::parse(&silent.url).unwrap(), Duration::from_secs(1)).unwrap_err();
    assert!(matches!(fault, Fault::Later { .. }), "{fault:?}");
}
