//! Letters through a real ledger to a small real server.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeDelta;
use reveille_memory::{NewRun, SuppressedFor};
use tempfile::TempDir;

use super::*;
use crate::channels::email::script::Script;
use crate::channels::email::tests::{letter, server};

pub(crate) fn run(memory: &mut Memory, now: DateTime<Utc>) -> RunId {
    memory.begin_run(&NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 }).expect("begun")
}

/// A home's memory, a server and a clock.
struct World {
    folder: TempDir,
    memory: Memory,
    script: Script,
    email: Email,
    run: RunId,
    now: Cell<DateTime<Utc>>,
    rate: u32,
    slept: RefCell<Vec<Duration>>,
    letter: Letter,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let run = run(&mut memory, now);
        let script = Script::start();
        let email = Email::new(server(&format!("smtp://127.0.0.1:{}", script.port))).expect("a server");
        let (now, slept) = (Cell::new(now), RefCell::new(vec![]));
        Self { folder, memory, script, email, run, now, rate: 0, slept, letter: letter() }
    }

    fn deliver(&mut self, to: &[&str]) -> Progress {
        self.deliver_with(to, None, &|_| Ok(()), &|_| {})
    }

    fn deliver_with(
        &mut self,
        to: &[&str],
        until: Option<DateTime<Utc>>,
        may: &dyn Fn(&Memory) -> Result<(), String>,
        step: &dyn Fn(Step),
    ) -> Progress {
        let recipients: Vec<Recipient> = to.iter().map(|to| reader(to)).collect();
        self.deliver_to(&recipients, until, may, step)
    }

    fn deliver_to(
        &mut self,
        to: &[Recipient],
        until: Option<DateTime<Utc>>,
        may: &dyn Fn(&Memory) -> Result<(), String>,
        step: &dyn Fn(Step),
    ) -> Progress {
        let (now, slept) = (&self.now, &self.slept);
        let sleep = |time: Duration| {
            slept.borrow_mut().push(time);
            now.set(now.get() + TimeDelta::from_std(time).expect("a time"));
        };
        let clock = || now.get();
        // Who bounced has a row and is suppressed too.
        let seen = |progress: &Progress| {
            let rows = to.len() as u64 - progress.unfit;
            let rows = rows.max(progress.total().min(rows + 1));
            assert!(progress.total() <= rows && progress.total() >= rows - progress.suppressed, "{progress:?}");
        };
        let round = Round { run: self.run, key: b"key", rate: self.rate, until, now: &clock, sleep: &sleep, may, step, progress: &seen };
        deliver(&mut self.memory, &self.email, &self.letter, to, &round).expect("the ledger works")
    }

    fn taken(&self) -> Vec<String> {
        self.script.taken().into_iter().map(|mail| mail.to).collect()
    }
}

fn reader(email: &str) -> Recipient {
    Recipient { id: crate::disk::sha256(email.as_bytes()), email: email.into(), name: None }
}

fn readers(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("r{at}@b.example")).collect()
}

fn of(readers: &[String]) -> Vec<&str> {
    readers.iter().map(String::as_str).collect()
}

#[test]
fn everybody_gets_it_once_and_the_sizes_add_up() {
    let mut world = World::new();
    let mut list = readers(1203);
    list.extend(["reject@b.example".into(), "later@b.example".into(), "lost@b.example".into(), "policy@b.example".into()]);
    let progress = world.deliver(&of(&list));
    assert_eq!((progress.sent, progress.refused, progress.unknown, progress.put_back, progress.left), (1203, 1, 1, 2, 0));
    assert_eq!(progress.total(), 1207);
    assert_eq!(world.script.lines(), 2, "one line for all, and another after the one that was cut");
    let suppressed = world.memory.suppressed().expect("read");
    assert_eq!(suppressed.len(), 1);
    assert_eq!((suppressed[0].subscriber.clone(), suppressed[0].why), (reader("reject@b.example").id, SuppressedFor::Bounced));
    let mut once = world.taken();
    assert_eq!(once.len(), 1204);
    once.sort();
    once.dedup();
    assert_eq!(once.len(), 1204);
    let first = Key { issue: letter().issue, channel: "email".into(), part: PART.into(), recipient: reader("r0@b.example").id };
    let effect = world.memory.effect(&first).expect("read").expect("there");
    let proof = world.memory.evidence(effect.id).expect("read");
    assert!(proof.len() == 1 && proof[0].kind == "smtp" && proof[0].text.as_deref().is_some_and(|text| text.contains("queued as Q1")));

    // Again: nothing; the list has grown by one, and the one who bounced stays off it.
    list.push("new@b.example".into());
    let again = world.deliver(&of(&list));
    assert_eq!((again.sent, again.sent_now, again.suppressed), (1204, 1, 1));
    assert_eq!(world.taken().last().map(String::as_str), Some("new@b.example"));
    assert_eq!(world.taken().len(), 1205);
}

#[test]
fn a_mail_is_tried_five_times_with_growing_pauses() {
    let mut world = World::new();
    let mut tries = vec![];
    for hour in 0..200 {
        let progress = world.deliver(&["later@b.example"]);
        let effect =
            world.memory.mails(&letter().issue, PART, EffectState::Intended, world.now.get() + TimeDelta::days(9), 1).expect("read");
        let sendings = effect.first().map_or(5, |effect| effect.sendings);
        if tries.len() < sendings as usize {
            tries.push(hour);
        }
        if progress.refused == 1 {
            break;
        }
        world.now.set(world.now.get() + TimeDelta::hours(1));
    }
    assert_eq!(tries, [0, 2, 8, 32, 80]);
    assert!(world.memory.suppressed().expect("read").is_empty(), "later is not never");
}

/// The same letter to somebody whose id was another one when it began.
#[test]
fn a_letter_that_began_under_a_former_id_reaches_nobody_twice_and_nobody_who_leaves_by_it() {
    let address = "ida@xn--mnchen-3ya.de";
    let by = |id: String| Recipient { id, email: address.into(), name: None };
    let (then, now) = (by(reveille_mission::former_ids(address).remove(0)), by(reveille_mission::subscriber_id(address)));
    for (name, steps, taken) in [("it was sent", vec![&then, &now], 1), ("it was not sent yet", vec![&now], 1)] {
        let mut world = World::new();
        for to in steps {
            world.deliver_to(std::slice::from_ref(to), None, &|_| Ok(()), &|_| {});
        }
        assert_eq!(world.taken().len(), taken, "{name}");
    }
    // It was written down, and not sent, when the id changed.
    let mut world = World::new();
    world.deliver_to(std::slice::from_ref(&then), None, &|_| Err("held".into()), &|_| {});
    assert_eq!(world.taken().len(), 0);
    let progress = world.deliver_to(std::slice::from_ref(&now), None, &|_| Ok(()), &|_| {});
    assert_eq!((world.taken().len(), progress.sent, progress.refused), (1, 1, 1));
    // They leave by a letter of then, between the row and the mail.
    let mut world = World::new();
    world.deliver_to(std::slice::from_ref(&now), None, &|_| Err("held".into()), &|_| {});
    let path = world.folder.path().join("a.db");
    let (id, at) = (then.id.clone(), world.now.get());
    let leaves = move |step: Step| {
        if step == Step::BeforeIntent {
            Memory::open(&path, at).expect("opened").leave(&id, at).expect("left");
        }
    };
    world.deliver_to(std::slice::from_ref(&now), None, &|_| Ok(()), &leaves);
    assert_eq!(world.taken().len(), 0);
}

#[test]
fn who_has_left_meanwhile_is_not_mailed() {
    let mut world = World::new();
    let asked = Cell::new(0);
    let may = |_: &Memory| {
        asked.set(asked.get() + 1);
        // Each mail asks twice: before it is let go, and right before the call.
        if asked.get() > 4 { Err("STOP is there".to_owned()) } else { Ok(()) }
    };
    let list = ["a@b.example", "b@b.example", "c@b.example", "d@b.example", "e@b.example"];
    let progress = world.deliver_with(&list, None, &may, &|_| {});
    assert_eq!((progress.sent, progress.left), (2, 3));
    assert_eq!(progress.stopped, Some(Stopped::Brake("STOP is there".into())));
    let now = world.now.get();
    world.memory.suppress(&[reader("c@b.example").id], SuppressedFor::Left, now).expect("kept");
    let recipients: Vec<Recipient> = ["a@b.example", "b@b.example", "c@b.example", "e@b.example"].map(reader).to_vec();
    let clock = || now;
    let round = Round {
        run: world.run,
        key: b"key",
        rate: 0,
        until: None,
        now: &clock,
        sleep: &|_| {},
        may: &|_| Ok(()),
        step: &|_| {},
        progress: &|_| {},
    };
    let progress = deliver(&mut world.memory, &world.email, &letter(), &recipients, &round).expect("works");
    assert_eq!((progress.sent, progress.refused, progress.left), (3, 2, 0));
    assert_eq!(world.taken(), ["a@b.example", "b@b.example", "e@b.example"]);
}

#[test]
fn who_leaves_while_a_letter_is_on_its_way_does_not_get_it() {
    let mut world = World::new();
    let (path, now) = (world.folder.path().join("a.db"), world.now.get());
    let left = Cell::new(false);
    let step = |step: Step| {
        if matches!(step, Step::AfterConfirm) && !left.replace(true) {
            // As the site does it: in another process.
            let mut site = Memory::open(&path, now).expect("opened");
            site.leave(&reader("c@b.example").id, now).expect("left");
        }
    };
    let progress = world.deliver_with(&["a@b.example", "b@b.example", "c@b.example", "d@b.example"], None, &|_| Ok(()), &step);
    assert_eq!((progress.sent, progress.refused, progress.is_done()), (3, 1, true));
    assert_eq!(world.taken(), ["a@b.example", "b@b.example", "d@b.example"]);
}

#[test]
fn the_rate_and_the_time_are_kept() {
    let mut world = World::new();
    world.rate = 60;
    let until = world.now.get() + TimeDelta::seconds(5);
    let list = readers(20);
    let progress = world.deliver_with(&of(&list), Some(until), &|_| Ok(()), &|_| {});
    assert_eq!((progress.sent, progress.left, progress.stopped), (5, 15, Some(Stopped::Time)));
    assert_eq!(*world.slept.borrow(), [Duration::from_secs(1); 5]);
}

#[test]
fn a_server_that_fails_one_after_the_other_is_left_alone() {
    for (kind, most, count) in [("lost", 3, 12), ("spam", 10, 12), ("later", 10, 12), ("policy", 10, 12), ("reject", 25, 30)] {
        let mut world = World::new();
        let list: Vec<String> = (0..count).map(|at| format!("{kind}@{at}.example")).collect();
        let progress = world.deliver(&of(&list));
        assert!(matches!(progress.stopped, Some(Stopped::InARow(_))), "{kind}: {progress:?}");
        assert_eq!(progress.left, count - most, "{kind}");
        assert_eq!(progress.total(), count);
        // A server that is wrong costs no reader, and no mail but those that may have arrived.
        assert_eq!((progress.refused, progress.put_back), (0, if kind == "lost" { 0 } else { most }), "{kind}");
        assert!(world.memory.suppressed().expect("read").is_empty(), "{kind}");
    }
}

#[test]
fn who_bounced_is_taken_off_by_a_server_that_takes_others() {
    let mut world = World::new();
    // Alone it proves nothing, not even the fifth time, but then the mail is given up.
    for hours in [2, 6, 24, 48, 0] {
        let progress = world.deliver(&["reject@a.example"]);
        assert_eq!((progress.put_back, progress.refused), if hours > 0 { (1, 0) } else { (0, 1) });
        world.now.set(world.now.get() + TimeDelta::hours(hours));
    }
    assert!(world.memory.suppressed().expect("read").is_empty());
    let progress = world.deliver(&["reject@a.example", "reject@b.example", "spam@b.example", "a@b.example", "reject@c.example"]);
    assert_eq!((progress.sent, progress.refused, progress.put_back), (1, 4, 0));
    let mut off: Vec<String> = world.memory.suppressed().expect("read").into_iter().map(|one| one.subscriber).collect();
    let mut expected = vec![reader("reject@b.example").id, reader("reject@c.example").id];
    off.sort();
    expected.sort();
    assert_eq!(off, expected);
}

#[test]
fn a_row_of_bounces_after_mails_that_were_taken_costs_no_reader_either() {
    let mut world = World::new();
    let mut list = vec!["a@b.example".to_owned()];
    list.extend((0..26).map(|at| format!("reject@{at}.example")));
    let progress = world.deliver(&of(&list));
    assert!(matches!(progress.stopped, Some(Stopped::InARow(_))));
    assert_eq!((progress.sent, progress.refused, progress.put_back, progress.left), (1, 0, 25, 1));
    assert!(world.memory.suppressed().expect("read").is_empty());
}

#[test]
fn a_dead_server_costs_no_try() {
    let mut world = World::new();
    world.email = Email::new(server("smtp://127.0.0.1:1")).expect("a server");
    for _ in 0..7 {
        let progress = world.deliver(&["a@b.example"]);
        assert!(matches!(progress.stopped, Some(Stopped::Server(Fault::Later { .. }))));
        assert_eq!(progress.left, 1);
    }
}

#[test]
fn a_server_that_takes_none_of_ours_now_ends_the_round_and_costs_no_mail() {
    let mut world = World::new();
    world.letter.from = "banned@a.example".into();
    for _ in 0..7 {
        let progress = world.deliver(&["a@b.example", "b@b.example"]);
        assert!(matches!(progress.stopped, Some(Stopped::Server(Fault::Later { .. }))), "{progress:?}");
        assert_eq!((progress.refused, progress.put_back + progress.left), (0, 2));
        world.now.set(world.now.get() + TimeDelta::hours(3));
    }
}

#[test]
fn what_can_t_stand_in_a_mail_has_no_row() {
    let mut world = World::new();
    let list = ["a@b.example", "a\r\nRCPT TO:<x@y.example>@b.example", "no address", "x@b.example> NOTIFY=NEVER <a@b.example"];
    let progress = world.deliver(&list);
    assert_eq!((progress.sent, progress.unfit), (1, 3));
}

#[test]
fn killed_at_every_step_nobody_gets_it_twice() {
    for at in 0..14 {
        let mut world = World::new();
        let list = readers(3);
        let steps = Cell::new(0);
        let died = catch_unwind(AssertUnwindSafe(|| {
            world.deliver_with(&of(&list), None, &|_| Ok(()), &|_| {
                steps.set(steps.get() + 1);
                assert!(steps.get() <= at, "killed");
            })
        }));
        // The line of the process that died is gone with it.
        world.email = Email::new(server(&format!("smtp://127.0.0.1:{}", world.script.port))).expect("a server");
        let progress = world.deliver(&of(&list));
        assert!(progress.is_done() && progress.unknown <= 1 && progress.sent + progress.unknown == 3, "{at}: {progress:?}");
        let taken = world.taken();
        let unique: HashSet<&String> = taken.iter().collect();
        assert_eq!(taken.len(), unique.len(), "{at}");
        assert!(taken.len() as u64 >= progress.sent, "{at}");
        assert!(died.is_err() || at >= 12, "{at}");
    }
}

#[test]
fn a_mail_that_a_jumping_clock_held_back_goes_out_when_the_clock_is_mended() {
    let mut world = World::new();
    let right = world.now.get();
    let let_go = Cell::new(false);
    let may = |_: &Memory| if let_go.get() { Err("its time is up".to_owned()) } else { Ok(()) };
    let step = |step| let_go.set(let_go.get() || step == Step::BeforeCall);
    world.now.set(right + TimeDelta::days(30));
    let held = world.deliver_with(&["a@b.example", "b@b.example"], None, &may, &step);
    assert_eq!((held.sent, held.put_back, held.left), (0, 1, 1));
    world.now.set(right);
    let sent = world.deliver(&["a@b.example", "b@b.example"]);
    assert_eq!((sent.sent, sent.put_back, sent.left), (2, 0, 0));
    // The same for one that a server wanted later.
    world.now.set(right + TimeDelta::days(30));
    let later = world.deliver(&["a@b.example", "b@b.example", "later@b.example"]);
    assert_eq!((later.sent, later.put_back), (2, 1));
    world.now.set(right + TimeDelta::hours(1));
    let tried = |world: &World| {
        let recipient = reader("later@b.example").id;
        let key = Key { issue: letter().issue, channel: "email".into(), part: PART.into(), recipient };
        world.memory.effect(&key).expect("read").expect("there").sendings
    };
    let _ = world.deliver(&["a@b.example", "b@b.example", "later@b.example"]);
    assert_eq!(tried(&world), 2);
    let _ = world.deliver(&["a@b.example", "b@b.example", "later@b.example"]);
    assert_eq!(tried(&world), 2, "by the right clock it waits");
}
