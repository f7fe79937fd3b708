//! Mails that readers asked for, through a real ledger to a small real server.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use reveille_memory::{Confirmed, SignUp, SignUpCaps, SuppressedFor};
use reveille_mission::subscriber_id;
use tempfile::TempDir;

use super::*;
use crate::channels::email::script::Script;
use crate::channels::email::tests::server;
use crate::channels::email::words;
use crate::settings::Publication;

struct World {
    folder: TempDir,
    memory: Memory,
    script: Script,
    email: Email,
    now: Cell<DateTime<Utc>>,
    slept: RefCell<Vec<Duration>>,
}

fn publication() -> Publication {
    Publication {
        name: "From the Inside".into(),
        url: "https://a.example".parse().expect("an address"),
        owner: "o@a.example".into(),
        language: "en".into(),
        description: None,
        served: false,
        readers_side: true,
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let script = Script::start();
        let email = Email::new(server(&format!("smtp://127.0.0.1:{}", script.port))).expect("a server");
        Self { folder, memory, script, email, now: Cell::new(now), slept: RefCell::default() }
    }

    fn ask(&mut self, email: &str) {
        let one = SignUp { id: subscriber_id(email), email: email.to_owned(), network: 1, via: String::new(), is_person: true };
        self.memory.sign_up(&[one], SignUpCaps { network: 99, all: 99 }, self.now.get()).expect("kept");
        self.later(TimeDelta::seconds(1));
    }

    fn later(&self, by: TimeDelta) {
        self.now.set(self.now.get() + by);
    }

    fn deliver_with(&mut self, may: &dyn Fn(&Memory) -> Result<(), String>, step: &dyn Fn(Step), pace: Duration) -> Sent {
        let run = self.memory.run_of_serve("0", self.now.get()).expect("a run");
        let made = |kind| words(Path::new("/nowhere"), &publication(), &self.email, kind, &[]);
        let clock = || self.now.get();
        let sleep = |time: Duration| {
            self.slept.borrow_mut().push(time);
            self.now.set(self.now.get() + TimeDelta::from_std(time).expect("a time"));
        };
        let round = Round { run, key: b"key", pace, now: &clock, sleep: &sleep, may, step, words: &made };
        deliver(&mut self.memory, &self.email, &round).expect("the ledger works")
    }

    fn deliver(&mut self) -> Sent {
        self.deliver_with(&|_| Ok(()), &|_| {}, Duration::ZERO)
    }

    fn taken(&self) -> Vec<String> {
        self.script.taken().into_iter().map(|mail| mail.to).collect()
    }

    fn open(&self) -> usize {
        self.memory.wanted_mails(0, 99).expect("read").len()
    }
}

fn taken(taken: u64) -> Sent {
    Sent { taken, ..Sent::default() }
}

#[test]
fn each_wanted_mail_goes_once_and_the_rest_of_the_program_takes_it_for_no_letter() {
    let mut world = World::new();
    world.ask("ann@home.net");
    world.ask("bob@home.net");
    assert_eq!(world.deliver(), taken(2));
    assert_eq!((world.deliver(), world.open()), (taken(0), 0));
    let now = world.now.get();
    let confirmed = world.memory.confirm_reader(&subscriber_id("ann@home.net"), now - TimeDelta::days(7), now).expect("written");
    assert_eq!((confirmed, world.deliver()), (Confirmed::New, taken(1)));
    assert_eq!(world.taken(), ["ann@home.net", "bob@home.net", "ann@home.net"]);
    assert!(world.memory.tallies().expect("read").is_empty(), "no letters");
    assert_eq!(
        world.memory.sent_since("email", now - TimeDelta::days(1), world.now.get()).expect("counted"),
        0,
        "no cap of wakes counts them"
    );
    assert_eq!((world.memory.run_count().expect("counted"), world.memory.last_run_number().expect("read")), (0, 0), "no wake");
    assert_eq!(world.memory.effects_in(EffectState::Confirmed).expect("read").len(), 3);
}

#[test]
fn no_row_that_stays_holds_an_address_or_a_link() {
    let mut world = World::new();
    for name in ["ann", "reject", "spam", "lost"] {
        world.ask(&format!("{name}@home.net"));
    }
    assert_eq!(world.deliver(), Sent { taken: 1, lost: 3, ..Sent::default() });
    world.memory.leave(&subscriber_id("ann@home.net"), world.now.get()).expect("left");
    world.later(TimeDelta::days(8));
    world.memory.forget_unconfirmed(world.now.get(), world.now.get()).expect("forgotten");
    let copy = world.folder.path().join("copy.db");
    let _ = world.memory.copy_to(&copy, Duration::from_secs(60)).expect("copied");
    let bytes = std::fs::read(copy).expect("read");
    for hidden in ["home.net", "/confirm/A", "ann@"] {
        assert!(!bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes()), "{hidden}");
    }
    let kept = b"{confirm-token}";
    assert!(bytes.windows(kept.len()).any(|part| part == kept), "the words are kept, with stand-ins");
}

#[test]
fn a_crash_at_any_step_sends_nothing_twice_and_loses_nothing_that_was_not_let_go() {
    for (at, arrived) in [
        (Step::BeforeIntent, true),
        (Step::AfterIntent, true),
        (Step::BeforeCall, false),
        (Step::AfterAnswer, true),
        (Step::AfterConfirm, true),
    ] {
        let mut world = World::new();
        world.ask("ann@home.net");
        let crash = |step: Step| assert!(step != at, "a crash");
        let crashed = catch_unwind(AssertUnwindSafe(|| world.deliver_with(&|_| Ok(()), &crash, Duration::ZERO)));
        assert!(crashed.is_err(), "{at}");
        world.email.close();
        world.deliver();
        world.deliver();
        assert_eq!(world.taken().len(), usize::from(arrived), "{at}");
        assert_eq!(world.open(), 0, "{at}");
        // Whoever got none asks again, a day later.
        world.later(TimeDelta::days(1));
        world.ask("ann@home.net");
        assert_eq!(world.deliver(), taken(1), "{at}");
    }
}

#[test]
fn what_a_server_wants_later_goes_later_and_not_for_ever() {
    let mut world = World::new();
    world.ask("later@home.net");
    world.ask("ann@home.net");
    assert_eq!(world.deliver(), Sent { taken: 1, later: 1, ..Sent::default() });
    assert_eq!(world.deliver(), Sent { later: 1, ..Sent::default() }, "not before its time");
    for minutes in BACK_OFF {
        assert_eq!(world.open(), 1);
        world.later(TimeDelta::minutes(minutes));
        let _ = world.deliver();
    }
    assert_eq!(world.open(), 0, "refused after {} tries", BACK_OFF.len() + 1);
    assert_eq!(world.memory.effects_in(EffectState::Refused).expect("read").len(), 1);
}

#[test]
fn brakes_and_dead_servers_keep_what_is_wanted() {
    let mut world = World::new();
    world.ask("ann@home.net");
    let stopped = Sent { stopped: Some(Stopped::Brake("stop".into())), ..Sent::default() };
    assert_eq!(world.deliver_with(&|_| Err("stop".into()), &|_| {}, Duration::ZERO), stopped);
    let asked = Cell::new(0);
    let second = |_: &Memory| {
        asked.set(asked.get() + 1);
        if asked.get() == 2 { Err("stop".to_owned()) } else { Ok(()) }
    };
    assert_eq!(world.deliver_with(&second, &|_| {}, Duration::ZERO), stopped, "frozen between the commit and the call");
    let sound = std::mem::replace(&mut world.email, Email::new(server("smtp://127.0.0.1:9")).expect("a server"));
    let dead = world.deliver();
    assert!(matches!(dead.stopped, Some(Stopped::Fault(Fault::Later { .. }))), "{dead:?}");
    world.email = sound;
    assert_eq!((world.deliver(), world.open()), (taken(1), 0));
}

#[test]
fn who_left_or_was_taken_off_meanwhile_is_not_mailed_and_old_wishes_die() {
    let mut world = World::new();
    for name in ["ann", "bob", "cyd"] {
        world.ask(&format!("{name}@home.net"));
    }
    world.memory.leave(&subscriber_id("ann@home.net"), world.now.get()).expect("left");
    world.memory.suppress(&[subscriber_id("bob@home.net")], SuppressedFor::Complained, world.now.get()).expect("off");
    world.later(TimeDelta::days(8));
    assert_eq!((world.deliver(), world.open()), (taken(0), 0));
    assert_eq!(world.script.lines(), 0, "nobody even rang");
}

#[test]
fn mails_keep_their_distance() {
    let mut world = World::new();
    for name in ["ann", "bob", "cyd"] {
        world.ask(&format!("{name}@home.net"));
    }
    assert_eq!(world.deliver_with(&|_| Ok(()), &|_| {}, Duration::from_secs(2)), taken(3));
    assert_eq!(*world.slept.borrow(), [Duration::from_secs(2), Duration::from_secs(2)]);
}
