use super::*;
use crate::SuppressedFor;
use crate::turned_away::TurnedAway;

const CAPS: SignUpCaps = SignUpCaps { network: 3, all: 5 };

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Memory::open(&folder.path().join("a.db"), at("2026-11-21T12:00:00Z")).expect("made");
    (folder, memory)
}

fn ask(name: &str, network: i64) -> SignUp {
    SignUp { id: format!("id-{name}"), email: format!("{name}@home.net"), network, via: String::new(), is_person: true }
}

fn kinds(memory: &Memory) -> Vec<(String, WantedFor)> {
    memory.wanted_mails(0, 100).expect("read").into_iter().map(|mail| (mail.email, mail.kind)).collect()
}

#[test]
fn from_asking_to_leaving_and_back() {
    let (_folder, mut memory) = memory();
    let day = |n: i64| at("2026-11-21T12:00:00Z") + TimeDelta::days(n);
    assert_eq!(memory.sign_up(&[ask("ann", 1)], CAPS, day(0)).expect("written"), [SignedUp::Asked]);
    assert_eq!(memory.confirm_reader("id-bob", day(-7), day(0)).expect("written"), Confirmed::NotAsked);
    assert_eq!(memory.confirm_reader("id-ann", day(-7), day(0)).expect("written"), Confirmed::New);
    assert_eq!(memory.confirm_reader("id-ann", day(-7), day(0)).expect("written"), Confirmed::Already);
    assert_eq!(kinds(&memory), [("ann@home.net".to_owned(), WantedFor::Confirm), ("ann@home.net".to_owned(), WantedFor::Welcome)]);
    assert_eq!(memory.sign_up(&[ask("ann", 1)], CAPS, day(2)).expect("written"), [SignedUp::Known]);
    let weekly = Preferences { frequency: Frequency::Weekly, paused_until: Some(day(9)), topics: vec!["fog".to_owned()] };
    memory.prefer("id-ann", &weekly, day(2)).expect("written");
    assert_eq!(memory.preferences("id-ann").expect("read"), weekly);

    memory.leave("id-ann", day(3)).expect("written");
    assert!(memory.is_suppressed("id-ann").expect("read"));
    assert_eq!((memory.subscriber("id-ann").expect("read"), kinds(&memory)), (None, vec![]));
    assert_eq!(memory.preferences("id-ann").expect("read"), Preferences::default());
    assert_eq!(memory.confirm_reader("id-ann", day(-7), day(3)).expect("written"), Confirmed::NotAsked, "an old link brings nobody back");

    assert_eq!(memory.sign_up(&[ask("ann", 1)], CAPS, day(4)).expect("written"), [SignedUp::Asked]);
    assert!(memory.is_suppressed("id-ann").expect("read"), "asking alone lifts nothing: anybody can ask");
    assert_eq!(memory.confirm_reader("id-ann", day(0), day(4)).expect("written"), Confirmed::New);
    assert!(!memory.is_suppressed("id-ann").expect("read") && memory.suppressed().expect("read").is_empty());
    memory.leave("id-ann", day(5)).expect("written");
    assert!(memory.is_suppressed("id-ann").expect("read"));
}

#[test]
fn who_bounced_or_was_taken_off_is_not_asked() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-21T12:00:00Z");
    for why in [SuppressedFor::Bounced, SuppressedFor::Complained, SuppressedFor::Removed] {
        let name = why.to_string();
        assert_eq!(memory.sign_up(&[ask(&name, 1)], SignUpCaps { network: 9, all: 9 }, now).expect("written"), [SignedUp::Asked]);
        memory.suppress(&[format!("id-{name}")], why, now).expect("written");
        assert_eq!(memory.confirm_reader(&format!("id-{name}"), now, now).expect("written"), Confirmed::NotAsked);
        let later = now + TimeDelta::days(2);
        assert_eq!(memory.sign_up(&[ask(&name, 1)], CAPS, later).expect("written"), [SignedUp::Quiet]);
        assert!(memory.is_suppressed(&format!("id-{name}")).expect("read"));
    }
}

#[test]
fn one_mail_a_day_and_no_more_than_the_caps() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-21T12:00:00Z");
    let asked: Vec<SignUp> = ["a", "a", "b", "c", "d"].map(|name| ask(name, 1)).to_vec();
    let done = memory.sign_up(&asked, CAPS, now).expect("written");
    assert_eq!(done, [SignedUp::Asked, SignedUp::Quiet, SignedUp::Asked, SignedUp::Asked, SignedUp::Capped]);
    let others: Vec<SignUp> = (2..6).map(|network| ask(&format!("n{network}"), network)).collect();
    let done = memory.sign_up(&others, CAPS, now).expect("written");
    assert_eq!(done, [SignedUp::Asked, SignedUp::Asked, SignedUp::Full, SignedUp::Full]);
    assert_eq!(memory.turned_away(now).expect("read"), TurnedAway { network: 1, all: 2 });
    assert_eq!(memory.subscribers().expect("read").len(), 5, "nothing of what was over a cap is kept");
    let tomorrow = now + DAY + TimeDelta::seconds(1);
    assert_eq!(memory.sign_up(&[ask("a", 1)], CAPS, tomorrow).expect("written"), [SignedUp::Asked]);
    assert_eq!(memory.turned_away(tomorrow).expect("read"), TurnedAway::default());
    memory.forget_unconfirmed(now - DAY, now + TimeDelta::days(31)).expect("forgotten");
    assert_eq!(memory.turned_away(now).expect("read"), TurnedAway::default());
}

#[test]
fn who_leaves_and_asks_again_the_same_day_gets_one_more_mail() {
    let (_folder, mut memory) = memory();
    let minute = |n: i64| at("2026-11-21T12:00:00Z") + TimeDelta::minutes(n);
    let ask_at =
        |memory: &mut Memory, n| memory.sign_up(&[ask("ann", 1)], SignUpCaps { network: 9, all: 9 }, minute(n)).expect("written")[0];
    assert_eq!(ask_at(&mut memory, 0), SignedUp::Asked);
    memory.confirm_reader("id-ann", minute(0), minute(1)).expect("written");
    assert_eq!(ask_at(&mut memory, 2), SignedUp::Quiet);
    memory.leave("id-ann", minute(3)).expect("left");
    assert_eq!(ask_at(&mut memory, 4), SignedUp::Asked, "they changed their mind");
    assert_eq!(ask_at(&mut memory, 5), SignedUp::Quiet, "once");
    assert_eq!(memory.confirm_reader("id-ann", minute(0), minute(6)).expect("written"), Confirmed::New);
    // Whoever got hold of their link leaves for them, again and again: two mails a day are all that comes of it.
    for n in 7..12 {
        memory.leave("id-ann", minute(n)).expect("left");
        assert_eq!(ask_at(&mut memory, n), SignedUp::Quiet, "{n}");
    }
    assert_eq!(ask_at(&mut memory, 24 * 60 + 1), SignedUp::Asked, "a day after the first");
}

#[test]
fn who_never_confirms_is_forgotten_and_so_are_networks() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-21T12:00:00Z");
    memory.sign_up(&[ask("ann", 1), ask("bob", 1)], CAPS, now).expect("written");
    memory.confirm_reader("id-ann", now, now).expect("written");
    let later = now + TimeDelta::days(7);
    assert_eq!(memory.forget_unconfirmed(later - TimeDelta::days(7), later).expect("written"), 0, "not before the seventh day is over");
    let networks: i64 =
        memory.connection.query_row("SELECT count(*) FROM wanted_mails WHERE network IS NOT NULL", [], |row| row.get(0)).expect("read");
    assert_eq!(networks, 0);
    let later = later + TimeDelta::seconds(1);
    assert_eq!(memory.forget_unconfirmed(later - TimeDelta::days(7), later).expect("written"), 1);
    let left: Vec<String> = memory.subscribers().expect("read").into_iter().map(|one| one.id).collect();
    assert_eq!(left, ["id-ann"]);
    assert_eq!(kinds(&memory), [("ann@home.net".to_owned(), WantedFor::Confirm), ("ann@home.net".to_owned(), WantedFor::Welcome)]);
}

#[test]
fn a_mail_that_is_done_keeps_no_address() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-21T12:00:00Z");
    memory.sign_up(&[ask("ann", 1)], CAPS, now).expect("written");
    let mail = memory.wanted_mails(0, 1).expect("read").remove(0);
    memory.mail_done(mail.id, now).expect("written");
    assert_eq!(memory.wanted_mails(0, 1).expect("read"), []);
    let kept: String = memory.connection.query_row("SELECT email FROM wanted_mails", [], |row| row.get(0)).expect("read");
    assert_eq!(kept, "");
    assert!(memory.connection.execute("UPDATE subscribers SET state = 'pending' WHERE state = 'confirmed'", []).is_ok());
    memory.confirm_reader("id-ann", now, now).expect("written");
    assert!(memory.connection.execute("UPDATE subscribers SET state = 'pending', confirmed_at = NULL", []).is_err());
}

#[test]
fn what_has_changed_since_is_not_wanted_any_more() {
    let (_folder, mut memory) = memory();
    let now = at("2026-11-21T12:00:00Z");
    memory.sign_up(&[ask("ann", 1), ask("bob", 2), ask("cyd", 3)], CAPS, now).expect("written");
    let mails = memory.wanted_mails(0, 9).expect("read");
    assert_eq!(memory.wanted_mails(mails[0].id, 9).expect("read"), mails[1..]);
    let wanted = |memory: &Memory| mails.iter().map(|mail| memory.is_wanted(mail).expect("read")).collect::<Vec<_>>();
    assert_eq!(wanted(&memory), [true, true, true]);
    memory.confirm_reader("id-ann", now, now).expect("written");
    memory.leave("id-bob", now).expect("written");
    memory.suppress(&["id-cyd".to_owned()], SuppressedFor::Removed, now).expect("written");
    assert_eq!(wanted(&memory), [false, false, false]);
    let welcome = memory.wanted_mails(0, 9).expect("read").pop().expect("a welcome");
    assert!(welcome.kind == WantedFor::Welcome && memory.is_wanted(&welcome).expect("read"));
    memory.mail_done(welcome.id, now).expect("written");
    assert!(!memory.is_wanted(&welcome).expect("read"));
}
