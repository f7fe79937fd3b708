//! The loop with real children, asked each second. Signals are process-wide: what they do is tested with the program
//! (`tests/suite/daemon.rs`).

use super::*;

fn terminate(process: u32) {
    let _ = Command::new("kill").arg(process.to_string()).status();
}

fn daemon() -> Daemon {
    Daemon { pattern: "* * * * * *".to_owned(), silence: Duration::from_secs(20), terminate }
}

/// A child that runs a line of sh.
fn child(script: &str, limit: u64) -> Box<Wake> {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Box::new(Wake { command, limit: Duration::from_secs(limit), grace: Duration::from_secs(1) })
}

/// What happened until `hear` said Leave.
fn told(daemon: &Daemon, mut hear: impl FnMut(&News) -> Order) -> Vec<News> {
    let mut told = Vec::new();
    let done = daemon.run(|news| {
        let order = hear(&news);
        told.push(news);
        order
    });
    done.expect("it runs");
    told
}

const IDLE: News = News::Minute { waking: false };

#[test]
fn a_panic_is_survived_and_a_child_that_fails_too() {
    let mut minutes = 0;
    let mut ended = None;
    daemon()
        .run(|news| match news {
            News::Minute { .. } => {
                minutes += 1;
                assert!(minutes > 2, "minute {minutes} fails on purpose");
                Order::Wake(child("exit 3", 60))
            }
            News::Ended(end) => {
                ended = Some(end);
                Order::Leave
            }
            _ => Order::Nothing,
        })
        .expect("it runs");
    assert_eq!((minutes, ended), (3, Some(End::Code(3))));
}

#[test]
fn never_two_children_at_once() {
    let (mut running, mut ends, mut busy) = (0, 0, 0);
    told(&daemon(), |news| match news {
        News::Minute { waking } => {
            assert_eq!(*waking, running == 1);
            busy += usize::from(*waking);
            // It asks for more each time; no more is given.
            Order::Wake(child("exec sleep 2.5", 60))
        }
        News::Started(_) => {
            running += 1;
            assert_eq!(running, 1);
            Order::Nothing
        }
        News::Ended(end) => {
            assert_eq!(*end, End::Code(0));
            running -= 1;
            ends += 1;
            if ends == 2 { Order::Leave } else { Order::Nothing }
        }
        News::Reload => Order::Nothing,
    });
    assert!(busy >= 2, "asked {busy} times while a child ran");
}

#[test]
fn a_child_that_hangs_is_ended_at_its_limit() {
    let begun = Instant::now();
    let news = told(&daemon(), |news| match news {
        News::Minute { waking: false } => Order::Wake(child("trap '' TERM; while :; do sleep 1; done", 2)),
        News::Ended(_) => Order::Leave,
        _ => Order::Nothing,
    });
    assert_eq!(news.last(), Some(&News::Ended(End::Signal(9))));
    assert!(begun.elapsed() >= Duration::from_secs(2), "not before its limit");
}

#[test]
fn leaving_waits_for_the_child_and_ends_one_that_does_not_hear() {
    for (script, end) in
        [("trap 'exit 7' TERM; while :; do sleep 0.1; done", End::Code(7)), ("trap '' TERM; while :; do sleep 0.1; done", End::Signal(9))]
    {
        let mut minutes = 0;
        let news = told(&daemon(), |news| match news {
            News::Minute { waking: true } => {
                minutes += 1;
                if minutes == 2 { Order::Leave } else { Order::Nothing }
            }
            News::Minute { waking: false } => Order::Wake(child(script, 60)),
            _ => Order::Nothing,
        });
        assert_eq!(news.last(), Some(&News::Ended(end)), "{script}");
        assert_eq!(news.iter().filter(|news| matches!(news, News::Started(_))).count(), 1);
    }
}

#[test]
fn a_minute_that_comes_while_it_leaves_is_nobodys() {
    let daemon = daemon();
    let mut told = Vec::new();
    let hear = |news| {
        told.push(news);
        Order::Wake(child("exit 0", 60))
    };
    let mut leaving = Loop { daemon: &daemon, hear, child: None, leaving: true, asked: Instant::now() };
    leaving.take(Event::Minute);
    assert!(leaving.child.is_none());
    assert_eq!(told, []);
}

#[test]
fn a_scheduler_that_is_silent_is_replaced() {
    // As after a clock that was set back: its next minute is months away.
    let daemon = Daemon { pattern: "0 0 0 1 1 *".to_owned(), silence: Duration::from_millis(300), terminate };
    let mut minutes = 0;
    let news = told(&daemon, |_| {
        minutes += 1;
        if minutes == 4 { Order::Leave } else { Order::Nothing }
    });
    assert_eq!(news, vec![IDLE; 4]);
}

#[test]
fn a_program_that_is_not_there_and_a_pattern_that_is_none() {
    let news = told(&daemon(), |news| match news {
        News::Ended(_) => Order::Leave,
        _ => Order::Wake(Box::new(Wake { command: Command::new("/nowhere/reveille"), ..*child("", 60) })),
    });
    assert!(matches!(&news[..], [IDLE, News::Ended(End::NotStarted(why))] if why.contains("No such file")), "{news:?}");
    let error = Daemon { pattern: "each minute".to_owned(), ..daemon() }.run(|_| Order::Leave).expect_err("no pattern");
    assert_eq!(error.to_string(), "failed to start the scheduler: ParseSchedule");
}

#[test]
fn a_scheduler_that_can_t_be_made_anew_leaves_no_child_alone() {
    // No scheduler can be made with this pattern: as after a clock that was set back and a system that refuses a new one.
    let daemon = Daemon { pattern: "none".to_owned(), silence: Duration::from_millis(300), terminate };
    let mut news = Vec::new();
    let hear = |now: News| {
        news.push(now.clone());
        match now {
            News::Minute { waking: false } => Order::Wake(child("trap 'exit 7' TERM; while :; do sleep 0.1; done", 60)),
            News::Minute { waking: true } if news.len() > 4 => Order::Leave,
            _ => Order::Nothing,
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done = runtime.block_on(async {
        let (events, heard) = mpsc::channel(CHANNEL);
        let mut loop_ = Loop { daemon: &daemon, hear, child: None, leaving: false, asked: Instant::now() };
        loop_.until_left(None, heard, &events).await
    });
    done.expect("it goes on");
    assert!(news.len() > 5 && news.last() == Some(&News::Ended(End::Code(7))), "{news:?}");
}
