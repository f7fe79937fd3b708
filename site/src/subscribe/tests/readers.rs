//! What a reader is told of themselves: that letters have ended or are paused, and all that is known of them.

use super::*;

#[test]
fn whose_letters_have_ended_or_are_paused_is_told_so_and_gets_them_again_by_a_button() {
    let world = World::new();
    assert_eq!((world.ask(1, "ann@home.net").status, world.button(&confirming("ann@home.net")).status), (200, 200));
    let (id, link) = (subscriber_id("ann@home.net"), format!("/confirm/{}", confirming("ann@home.net")));
    let preferences = format!("/preferences/{}", token("ann@home.net", Purpose::Preferences, start() + TimeDelta::days(90)));
    let ended = |world: &World| world.memory().letters_ended(&id).expect("read").is_some();
    let ends = |world: &World| {
        world.later(TimeDelta::hours(1));
        let now = *world.now.lock().expect("a time");
        world.memory().end_letters(std::slice::from_ref(&id), now).expect("ended");
        world.later(TimeDelta::hours(1));
    };
    assert!(!world.get(&preferences).body.contains("No letters come") && world.get(&link).body.contains("nothing more to do"));
    ends(&world);
    let page = world.get(&link).body;
    assert!(page.contains("no letters come to you any more") && page.contains("<button>") && ended(&world), "{page}");
    let again = world.button(&confirming("ann@home.net")).body;
    assert!(again.contains("Letters come again") && !ended(&world), "{again}");
    assert!(world.button(&confirming("ann@home.net")).body.contains("a reader already"));
    world.memory().resume_letters(&std::collections::HashSet::new()).expect("forgotten");

    ends(&world);
    let page = world.get(&preferences).body;
    assert!(page.contains("No letters come to you since 2026-11-21") && page.contains("Send me letters again") && ended(&world), "{page}");
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://letter.example")];
    let sent = world.send(1, Method::POST, &preferences, &form, "frequency=each");
    assert!(sent.status == 200 && !sent.body.contains("No letters come") && !ended(&world), "{sent:?}");

    assert_eq!(world.send(1, Method::POST, &preferences, &form, "frequency=each&pause=1").status, 200);
    let (page, confirm) = (world.get(&preferences).body, world.get(&link).body);
    assert!(page.contains("Letters are paused until 2026-12-21"), "{page}");
    assert!(confirm.contains("paused your letters until 2026-12-21") && !confirm.contains("nothing more to do"), "{confirm}");
}

#[test]
fn a_reader_s_data_has_the_author_s_list_or_is_not_given_at_all() {
    let world = World::new();
    let app = |listed: crate::app::Listed| App { listed, key: KEY.into(), ..crate::app::tests::app(world.folder.path()) };
    let path = format!("/preferences/{}/data", token("ann@home.net", Purpose::Preferences, start() + TimeDelta::days(90)));
    let get = |app: App| {
        world.runtime.block_on(async {
            let mut request = Request::builder().uri(&path).header(HOST, "letter.example").body(Body::empty()).expect("a request");
            request.extensions_mut().insert(Peer([10, 0, 0, 7].into()));
            let response = router(&app).oneshot(request).await.expect("an answer");
            let status = response.status().as_u16();
            (status, String::from_utf8_lossy(&to_bytes(response.into_body(), 1 << 20).await.expect("a body")).into_owned())
        })
    };
    let ann = subscriber_id("ann@home.net");
    let hers = move |id: &str| Ok(if id == ann { vec![vec![("email".to_owned(), "Ann@home.net".to_owned())]] } else { vec![] });
    let (status, body) = get(app(Arc::new(hers)));
    assert!(status == 200 && body.contains("Ann@home.net"), "{status} {body}");
    let (status, body) = get(app(Arc::new(|_| Err("a row of it is none".to_owned()))));
    assert!(status == 503 && !body.contains("\"id\"") && !body.contains("a row of it"), "{status} {body}");
}
