//! A computer that sleeps in the middle of a wake: SIGSTOP at each step, ten minutes by the injected clock, twice the wake's limit,
//! SIGCONT. Whoever has lost the lease sends nothing any more; the wake ends by itself and says why; the next goes on.

use std::process::Stdio;
use std::time::{Duration, Instant};

use reveille_tests::Said;

use super::matrix::{Case, EFFECT, Servers, WAKE, draw};

/// How long a wake may take to end after it has thawed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The points behind which there is nothing left to be sent.
const SENT: [&str; 8] =
    ["after-answer", "after-confirm", "before-record", "before-exchange", "after-exchange", "after-record", "before-letter", "before-end"];

/// Freezes a wake at a point for ten minutes. What it said.
fn freeze(case: &mut Case, point: &str, servers: &Servers) -> Said {
    let home = &mut case.home;
    home.write("reveille.toml", home.read("reveille.toml").replacen("[channels", "[wake]\nlimit = \"5m\"\n\n[channels", 1));
    home.write("clock", "2026-11-20T14:00:00Z");
    home.at(&format!("@{}", home.join("clock").display()));
    let reads = point == "after-reading";
    let mut wake = case.home.command(if reads { &["wake"] } else { &["wake", "--no-model"] });
    wake.env("REVEILLE_FAULT", format!("{point}=stop")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut wake = wake.spawn().expect("it starts");
    super::wait_until_stopped(wake.id());
    let before = case.sent(servers);
    case.home.write("clock", "2026-11-20T14:10:00Z");
    super::signal(wake.id(), "CONT");
    let begun = Instant::now();
    while wake.try_wait().expect("asked").is_none() {
        assert!(begun.elapsed() < PATIENCE, "{}: it does not end", case.name);
        std::thread::sleep(Duration::from_millis(5));
    }
    let said = Said::of(&wake.wait_with_output().expect("ended"));
    assert_eq!(case.sent(servers), before, "{}: sent on a lost lease: {said:?}", case.name);
    said
}

#[test]
fn a_wake_that_was_frozen_sends_nothing_on_a_lost_lease() {
    let servers = Servers::start();
    for (nth, point) in WAKE.iter().chain(&EFFECT).enumerate() {
        // Of the wake's points the odd ones have a post, the even ones a mail: what is published stays on this disk.
        let mut case = draw(&format!("z-{point}"), point, if EFFECT.contains(point) { nth } else { 1 + nth % 2 }, &servers);
        let said = freeze(&mut case, point, &servers);
        case.is_whole("after the frost");
        if !SENT.contains(point) {
            let words = format!("{}{}", said.stdout, said.stderr);
            let why = ["lost its lease", "time is up", "longer than", "signal 15"];
            assert!(why.iter().any(|why| words.contains(why)), "{point}: it does not say why: {said:?}");
        }
        case.recovers(&servers);
        assert_eq!(case.sent(&servers), 1, "{point}: twice or lost");
    }
}
