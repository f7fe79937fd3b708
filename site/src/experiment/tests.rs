//! The home page through the router, with a real memory behind it.

use std::time::Duration;

use axum::http::header::IF_NONE_MATCH as KEPT;
use chrono::TimeDelta;
use reveille_memory::Memory;
use reveille_mission::experiment::{Kind, Rates};
use tower::ServiceExt as _;

use super::*;
use crate::router;

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn start() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

struct World {
    _folder: tempfile::TempDir,
    app: App,
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl World {
    fn new(page: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = folder.path().join("site");
        std::fs::create_dir(&files).expect("made");
        std::fs::write(files.join("index.html"), page).expect("written");
        std::fs::write(files.join("other.html"), page).expect("written");
        let mut memory = Memory::open(&folder.path().join("reveille.db"), start()).expect("made");
        let experiment = Experiment {
            name: "home-1".into(),
            kind: Kind::Headline,
            about: String::new(),
            variants: vec!["First & <b>".into(), "Second".into()],
            rates: Rates::default(),
            people: 2213,
            started_at: start(),
            ends_at: Some(start() + TimeDelta::days(2)),
        };
        let experiment = memory.begin_experiment(&experiment).expect("begun");
        let now = Arc::new(Mutex::new(start()));
        let clock = Arc::clone(&now);
        let app = App {
            now: Arc::new(move || *clock.lock().expect("a time")),
            headline: Some(Arc::new(Headline::new(experiment, vec![]))),
            ..crate::app::tests::app(folder.path())
        };
        Self { _folder: folder, app, now }
    }

    fn request(path: &str, visitor: u8, agent: &str) -> Request {
        let request = Request::get(path).header(USER_AGENT, agent).header(KEPT, "\"kept\"");
        request.extension(Peer([192, 0, 2, visitor].into())).body(Body::empty()).expect("a request")
    }

    async fn get(&self, path: &str, visitor: u8, agent: &str) -> String {
        let answer = router(&self.app).oneshot(Self::request(path, visitor, agent)).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        String::from_utf8(to_bytes(answer.into_body(), PAGE).await.expect("a page").to_vec()).expect("text")
    }

    async fn arms(&self) -> Vec<u64> {
        let arms = self.app.writer.write(|memory| memory.headline_arms("home-1", 2)).await.expect("read");
        arms.iter().map(|arm| arm.shown).collect()
    }
}

const PAGE_TEXT: &str = "<h1>N</h1><p><!--headline-->As it is<!--/headline--></p>";

#[tokio::test]
async fn each_visitor_of_a_day_sees_one_wording_and_is_counted_once_before() {
    let world = World::new(PAGE_TEXT);
    let mut seen = [0_u64; 2];
    for visitor in 0..60 {
        let first = world.get("/", visitor, BROWSER).await;
        let second = first.contains("Second");
        assert!(second || first.contains("<!--headline-->First &amp; &lt;b&gt;<!--/headline-->"), "{first}");
        seen[usize::from(second)] += 1;
        assert_eq!(world.arms().await, seen, "counted before it is shown");
        assert_eq!(world.get("/index.html", visitor, BROWSER).await, first, "the same all day");
    }
    assert_eq!(world.arms().await, seen);
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
    let headline = world.app.headline.clone().expect("on");
    let (parts, _) = World::request("/", 3, BROWSER).into_parts();
    let shown = headline.shown_to(&parts, start()).expect("shown");
    assert_eq!(shown.experiment, "home-1");
    let (stranger, _) = World::request("/", 99, BROWSER).into_parts();
    assert_eq!(headline.shown_to(&stranger, start()), None, "who was shown nothing is no outcome");
}

#[tokio::test]
async fn whoever_can_not_be_counted_gets_the_page_as_it_is() {
    let world = World::new(PAGE_TEXT);
    for agent in ["curl/8.5.0", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"] {
        assert_eq!(world.get("/", 1, agent).await, PAGE_TEXT);
    }
    assert_eq!(world.get("/other.html", 1, BROWSER).await, PAGE_TEXT, "another page");
    *world.now.lock().expect("a time") = start() + TimeDelta::days(2);
    assert_eq!(world.get("/", 1, BROWSER).await, PAGE_TEXT, "its days are over");
    assert_eq!(world.arms().await, [0, 0]);
    let unmarked = World::new("<h1>N</h1>");
    assert_eq!(unmarked.get("/", 1, BROWSER).await, "<h1>N</h1>");
    assert_eq!(unmarked.arms().await, [0, 0]);
}

#[tokio::test]
async fn uneven_shares_end_it_the_next_day() {
    let world = World::new(PAGE_TEXT);
    let headline = world.app.headline.as_ref().expect("on");
    assert_ne!(world.get("/", 1, BROWSER).await, PAGE_TEXT);
    headline.state.lock().expect("today").shown = vec![900, 700];
    assert_ne!(world.get("/", 2, BROWSER).await, PAGE_TEXT);
    *world.now.lock().expect("a time") = start() + TimeDelta::days(1);
    assert_eq!(world.get("/", 3, BROWSER).await, PAGE_TEXT);
}

#[tokio::test]
async fn whoever_asks_not_to_be_told_and_what_a_script_fetches_is_not_counted() {
    let world = World::new(PAGE_TEXT);
    for (name, value) in [("dnt", "1"), ("sec-gpc", "1"), ("sec-fetch-dest", "empty")] {
        let mut request = World::request("/", 1, BROWSER);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        let answer = router(&world.app).oneshot(request).await.expect("an answer");
        let page = to_bytes(answer.into_body(), PAGE).await.expect("a page");
        assert_eq!(page, PAGE_TEXT, "{name}");
    }
    assert_eq!(world.arms().await, [0, 0]);
    assert_ne!(world.get("/", 1, BROWSER).await, PAGE_TEXT);
}

#[tokio::test]
async fn two_requests_at_once_are_one_visitor() {
    let world = World::new(PAGE_TEXT);
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let writer = world.app.writer.clone();
    // The writer is busy: both ask before anything is committed.
    let busy = tokio::spawn(async move {
        let wait = move |_: &mut Memory| {
            begun.send(()).expect("waited for");
            ended.recv().expect("told");
            Ok(())
        };
        writer.write(wait).await
    });
    begins.await.expect("begun");
    let (one, two) = (world.get("/", 1, BROWSER), world.get("/", 1, BROWSER));
    tokio::pin!(one, two);
    let earlier = async {
        tokio::select! {
            page = &mut one => (page, true),
            page = &mut two => (page, false),
        }
    };
    let (page, is_one) = tokio::time::timeout(Duration::from_secs(60), earlier).await.expect("one of them waits for no commit");
    assert_eq!(page, PAGE_TEXT, "shown before it is counted");
    end.send(()).expect("heard");
    busy.await.expect("ended").expect("waited");
    let counted = if is_one { two.await } else { one.await };
    assert_eq!(world.arms().await.iter().sum::<u64>(), 1);
    assert_ne!(counted, PAGE_TEXT);
    assert_eq!(world.get("/", 1, BROWSER).await, counted);
}
