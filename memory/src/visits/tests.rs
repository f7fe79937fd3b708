use reveille_mission::{Channel, Step, funnel};

use super::*;
use crate::{Sign, SignKind, SignUp, SignUpCaps};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::open(&folder.path().join("a.db"), at("2026-11-20T14:00:00Z")).expect("made");
    (folder, memory)
}

fn visitor(name: &str) -> Visitor {
    Visitor::of(name, "a browser", "letter.example")
}

fn view(when: &str, page: &str, source: VisitSource, who: Option<&str>) -> View {
    View { at: at(when), page: page.to_owned(), source, by: Fetcher::Person, visitor: who.map(visitor) }
}

const MASTODON: VisitSource = VisitSource::Channel(Channel::Mastodon);
const MAIL: VisitSource = VisitSource::Channel(Channel::Email);

/// Page, source, views, visitors.
fn visits(memory: &Memory) -> Vec<(String, String, u64, u64)> {
    let sql = "SELECT page, source, views, visitors FROM visits ORDER BY day, page, source";
    memory
        .rows(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs(), row.get::<_, i64>(3)?.unsigned_abs())))
        .expect("read")
}

fn count_of(memory: &Memory, table: &str) -> u64 {
    memory.rows(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).expect("read")[0].unsigned_abs()
}

fn steps(memory: &Memory) -> Vec<(String, Step, u64)> {
    let all = memory.funnel_since(NaiveDate::default()).expect("read");
    all.into_iter().map(|one| (one.source, one.step, one.people)).collect()
}

#[test]
fn a_person_is_one_visitor_a_day_and_came_by_what_brought_them_first() {
    let (_folder, mut memory) = memory();
    let robot = View { by: Fetcher::Robot, ..view("2026-11-20T14:00:03Z", "/", VisitSource::Direct, Some("robot")) };
    let views = [
        view("2026-11-20T14:00:00Z", "/", MASTODON, Some("ann")),
        view("2026-11-20T14:00:01Z", "/issues/a/", VisitSource::Direct, Some("ann")),
        view("2026-11-20T14:00:02Z", "/", VisitSource::Direct, Some("ann")),
        robot,
        view("2026-11-20T14:00:04Z", "/", VisitSource::Search, Some("bob")),
        // Asks not to be told from others.
        view("2026-11-20T14:00:05Z", "/", VisitSource::Link, None),
        view("2026-11-20T14:00:06Z", "/", MAIL, Some("reader")),
    ];
    memory.count_views(&views[..3], at("2026-11-20T14:00:05Z")).expect("kept");
    memory.count_views(&views[3..], at("2026-11-20T14:00:10Z")).expect("kept");
    let row = |page: &str, source: &str, views, visitors| (page.to_owned(), source.to_owned(), views, visitors);
    assert_eq!(
        visits(&memory),
        [
            row("/", "email", 1, 1),
            row("/", "link", 1, 0),
            row("/", "mastodon", 2, 1),
            row("/", "search", 1, 1),
            row("/issues/a/", "mastodon", 1, 1)
        ]
    );
    // A reader whom a letter brought is no stranger who lands.
    assert_eq!(steps(&memory), [("mastodon".to_owned(), Step::Landing, 1), ("search".to_owned(), Step::Landing, 1)]);
    let day = memory.visits_since(at("2026-11-01T00:00:00Z").date_naive()).expect("read");
    assert_eq!(day, [DayVisits { day: at("2026-11-20T00:00:00Z").date_naive(), views: 6, robots: 1 }]);
    let touch = |name: &str| memory.first_touch(&visitor(name), at("2026-11-20T15:00:00Z")).expect("read");
    assert_eq!([touch("ann"), touch("bob"), touch("nobody"), touch("robot")], [Some(MASTODON), Some(VisitSource::Search), None, None]);
}

#[test]
fn who_it_was_is_forgotten_when_the_day_is_over_and_the_counts_stay() {
    let (folder, mut memory) = memory();
    memory.count_views(&[view("2026-11-20T23:59:58Z", "/", MASTODON, Some("ann"))], at("2026-11-20T23:59:59Z")).expect("kept");
    let salt = folder.path().join("visitors.salt");
    let first = std::fs::read(&salt).expect("a salt");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&salt.metadata().expect("there").permissions()) & 0o077, 0);
    assert_eq!((count_of(&memory, "visitors"), count_of(&memory, "visitor_pages")), (1, 1));
    // Of a batch over midnight each view has the salt of its day, in whatever order they come.
    let over = [view("2026-11-21T00:00:01Z", "/", MASTODON, Some("ann")), view("2026-11-20T23:59:59Z", "/", MASTODON, Some("ann"))];
    memory.count_views(&over, at("2026-11-21T00:00:02Z")).expect("kept");
    assert_eq!((count_of(&memory, "visitors"), count_of(&memory, "visitor_pages")), (1, 1));
    assert_ne!(std::fs::read(&salt).expect("a salt"), first);
    assert_eq!(visits(&memory).iter().map(|row| (row.2, row.3)).collect::<Vec<_>>(), [(2, 1), (1, 1)]);
    assert_eq!(memory.first_touch(&visitor("ann"), at("2026-11-21T01:00:00Z")).expect("read"), Some(MASTODON));
    // Nobody came: the next wake forgets.
    memory.forget_visitors(at("2026-11-22T00:00:00Z")).expect("forgotten");
    assert_eq!((count_of(&memory, "visitors"), count_of(&memory, "visitor_pages"), salt.exists()), (0, 0, false));
    assert_eq!(memory.first_touch(&visitor("ann"), at("2026-11-22T01:00:00Z")).expect("read"), None);
    assert_eq!(visits(&memory).len(), 2);
    memory.forget_visitors(at("2026-11-22T00:00:01Z")).expect("nothing to forget");
}

#[test]
fn nothing_that_could_tell_who_it_was_is_written() {
    let (folder, mut memory) = memory();
    let ann = Visitor::of("203.0.113.77", "Quaint/1.0 browser of ann", "letter.example");
    let view = View { visitor: Some(ann.clone()), ..view("2026-11-20T14:00:00Z", "/", MASTODON, None) };
    assert!(!format!("{view:?}").contains("203.0.113"));
    memory.count_views(&[view], at("2026-11-20T14:00:01Z")).expect("kept");
    memory.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("written");
    for file in std::fs::read_dir(folder.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("read");
        for secret in ["203.0.113.77", "Quaint"] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }
}

#[test]
fn a_day_is_counted_by_the_server_or_a_log() {
    let (_folder, mut memory) = memory();
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let logged = |text: &str| LoggedDay {
        day: day(text),
        pages: vec![("/".to_owned(), MASTODON, 7, 3)],
        landings: vec![(MASTODON, 3), (MAIL, 2)],
        robots: 5,
    };
    memory.count_views(&[view("2026-11-20T14:00:00Z", "/", MASTODON, Some("ann"))], at("2026-11-20T14:00:01Z")).expect("kept");
    assert!(!memory.count_logged(&logged("2026-11-20")).expect("read"));
    assert!(memory.count_logged(&logged("2026-11-19")).expect("kept"));
    assert!(!memory.count_logged(&logged("2026-11-19")).expect("read"));
    assert!(memory.is_counted(day("2026-11-19")).expect("read") && !memory.is_counted(day("2026-11-18")).expect("read"));
    assert_eq!(steps(&memory), [("mastodon".to_owned(), Step::Landing, 3), ("mastodon".to_owned(), Step::Landing, 1)]);
}

#[test]
fn the_funnel_counts_every_step_once_and_who_left_stays_counted() {
    let (_folder, mut memory) = memory();
    let caps = SignUpCaps { network: 100, all: 100 };
    let ask = |id: &str, via: &str| SignUp { id: id.into(), email: format!("{id}@home.net"), network: 1, via: via.into(), is_person: true };
    let now = at("2026-11-20T14:00:00Z");
    memory.sign_up(&[ask("ann", "mastodon"), ask("bob", ""), ask("cid", "mastodon")], caps, now).expect("kept");
    // Asking once more is no second sign-up.
    memory.sign_up(&[ask("ann", "mastodon")], caps, at("2026-11-21T15:00:00Z")).expect("kept");
    for id in ["ann", "bob"] {
        memory.confirm_reader(id, at("2026-11-10T00:00:00Z"), now).expect("kept");
        memory.confirm_reader(id, at("2026-11-10T00:00:00Z"), now).expect("kept");
    }
    let sign = |who: &str, kind, about: &str, when: &str| Sign { subscriber: who.into(), kind, about: about.into(), at: at(when) };
    let of =
        |memory: &Memory, source: &str, step| steps(memory).into_iter().find(|one| one.0 == source && one.1 == step).map_or(0, |one| one.2);
    // A confirmation and a visit are none, a click too late is none.
    memory.record_signs(&[sign("ann", SignKind::Visit, "", "2026-11-21T00:00:00Z")]).expect("kept");
    memory.record_signs(&[sign("bob", SignKind::Click, "1", "2026-11-27T14:00:01Z")]).expect("kept");
    assert_eq!((of(&memory, "mastodon", Step::Active), of(&memory, "unknown", Step::Active)), (0, 0));
    memory
        .record_signs(&[
            sign("ann", SignKind::Click, "1", "2026-11-22T00:00:00Z"),
            sign("ann", SignKind::Reply, "1", "2026-11-23T00:00:00Z"),
        ])
        .expect("kept");
    memory.record_signs(&[sign("ann", SignKind::Click, "1", "2026-11-22T00:00:00Z")]).expect("kept");
    assert_eq!(of(&memory, "mastodon", Step::Active), 1);
    memory.leave("ann", at("2026-11-24T00:00:00Z")).expect("gone");
    assert_eq!(
        steps(&memory),
        [
            ("mastodon".to_owned(), Step::Active, 1),
            ("mastodon".to_owned(), Step::Confirmed, 1),
            ("mastodon".to_owned(), Step::Signup, 2),
            ("unknown".to_owned(), Step::Confirmed, 1),
            ("unknown".to_owned(), Step::Signup, 1),
        ]
    );
    let shown = funnel(&memory.funnel_since(NaiveDate::default()).expect("read"), at("2026-11-27T00:00:00Z").date_naive());
    assert_eq!(shown.iter().map(|one| (one.people, one.of)).collect::<Vec<_>>(), [(0, None), (3, Some(0)), (2, Some(3)), (1, Some(2))]);
}

#[test]
fn one_who_changes_the_user_agent_is_no_crowd() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-20T14:00:00Z");
    let from = |address: &str, agent: u64| View {
        visitor: Some(Visitor::of(address, &format!("agent {agent}"), "letter.example")),
        ..view("2026-11-20T14:00:00Z", "/", MASTODON, None)
    };
    let flood: Vec<View> = (0..PEOPLE_A_NETWORK + 50).map(|agent| from(&format!("203.0.113.{}", agent % 250), agent)).collect();
    memory.count_views(&flood, now).expect("kept");
    assert_eq!((count_of(&memory, "visitors"), visits(&memory)[0].2), (PEOPLE_A_NETWORK, PEOPLE_A_NETWORK + 50), "views are counted");
    // Who was there before is known still, and another network has room.
    memory.count_views(&[from("203.0.113.0", 0), from("2001:db8:1::1", 0), from("2001:db8:1:2::3", 1)], now).expect("kept");
    assert_eq!(steps(&memory), [("mastodon".to_owned(), Step::Landing, PEOPLE_A_NETWORK + 2)]);
    let networks = memory.rows("SELECT people FROM visitor_networks ORDER BY people", [], |row| row.get::<_, i64>(0)).expect("read");
    let most = whole(PEOPLE_A_NETWORK);
    assert_eq!(networks, [2, most, most + 2], "one of each, and all");
    // The day is full.
    memory.connection.execute("UPDATE visitor_networks SET people = ?1 WHERE network = 0", [whole(PEOPLE_A_DAY)]).expect("written");
    memory.count_views(&[from("198.51.100.1", 0)], now).expect("kept");
    assert_eq!(count_of(&memory, "visitors"), PEOPLE_A_NETWORK + 2);
    memory.forget_visitors(at("2026-11-21T00:00:00Z")).expect("forgotten");
    assert_eq!(count_of(&memory, "visitor_networks"), 0);
}

#[test]
fn only_a_page_of_the_publication_makes_a_day_the_server_s() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-20T14:00:05Z");
    let robot = View { by: Fetcher::Robot, ..view("2026-11-20T14:00:00Z", OTHER, VisitSource::Direct, None) };
    memory.count_views(&[robot, view("2026-11-20T14:00:01Z", OTHER, MASTODON, Some("ann"))], now).expect("kept");
    assert!(!memory.is_counted(now.date_naive()).expect("read"));
    assert_eq!((visits(&memory), steps(&memory)), (vec![], vec![]));
    assert_eq!(memory.first_touch(&visitor("ann"), now).expect("read"), Some(MASTODON), "a sign-up is credited all the same");
    // Once it is, the form counts like everything else, and who looked at it first has landed by what brought them there.
    let views =
        [view("2026-11-20T14:00:02Z", "/", VisitSource::Direct, Some("ann")), view("2026-11-20T14:00:03Z", OTHER, MASTODON, Some("bob"))];
    memory.count_views(&views, now).expect("kept");
    assert!(memory.is_counted(now.date_naive()).expect("read"));
    assert_eq!(steps(&memory), [("mastodon".to_owned(), Step::Landing, 2)]);
    assert_eq!(visits(&memory).iter().map(|row| (row.0.as_str(), row.2)).collect::<Vec<_>>(), [("/", 1), (OTHER, 1)]);
}

#[test]
fn who_is_no_person_subscribes_and_takes_no_step() {
    let (_folder, mut memory) = memory();
    let caps = SignUpCaps { network: 100, all: 100 };
    let now = at("2026-11-20T14:00:00Z");
    let ask = |id: &str, is_person| SignUp { id: id.into(), email: format!("{id}@home.net"), network: 1, via: String::new(), is_person };
    let click = |who: &str| Sign { subscriber: who.into(), kind: SignKind::Click, about: "1".into(), at: at("2026-11-21T00:00:00Z") };
    memory.sign_up(&[ask("owner", false), ask("ann", true), ask("late", true)], caps, now).expect("kept");
    // The author wrote this address into the settings a day later.
    memory.sign_up(&[ask("late", false)], caps, at("2026-11-21T14:00:01Z")).expect("kept");
    for id in ["owner", "ann", "late"] {
        assert_eq!(memory.confirm_reader(id, at("2026-11-10T00:00:00Z"), now).expect("kept"), crate::Confirmed::New);
        memory.record_signs(&[click(id)]).expect("kept");
    }
    let step = |step, people| ("unknown".to_owned(), step, people);
    assert_eq!(steps(&memory), [step(Step::Active, 1), step(Step::Confirmed, 1), step(Step::Signup, 2)]);
    assert_eq!(memory.subscribers().expect("read").len(), 3);
}
