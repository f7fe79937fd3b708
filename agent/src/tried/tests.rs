use super::*;
use crate::failure::Kind;
use reveille_mission::{Source, Tags, TaskId};

use crate::environment::Environment;
use crate::home::Home;
use crate::settings::Settings;

const SETTINGS: &str = "name = \"N\"\nurl = \"https://n.example\"\nowner = \"o@n.example\"\n";

/// A home with a memory, and a task in it.
struct Here {
    folder: tempfile::TempDir,
    memory: Memory,
    now: DateTime<Utc>,
    task: Task,
}

impl Here {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("reveille.toml"), SETTINGS).expect("written");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let (id, source) = (TaskId::of_words("post it", 0), Source::Progress { line: 1 });
        let task = Task { id, text: "post it".into(), tags: Tags::default(), source, problems: vec![], content: "a".into() };
        Self { folder, memory, now, task }
    }

    fn with<T>(&mut self, act: impl FnOnce(&Scene<'_>, &mut Memory, &Task) -> T) -> T {
        let environment = Environment::of(&[]);
        let home = Home::find(Some(self.folder.path()), &environment).expect("a home");
        let text = std::fs::read_to_string(home.settings()).expect("read");
        let settings = Settings::parse(&text).expect("valid");
        let scene = Scene { home: &home, settings: &settings, environment: &environment, now: self.now };
        act(&scene, &mut self.memory, &self.task)
    }

    fn fail(&mut self, cause: Cause, why: &str) -> Past {
        let failure = Failure::message(Kind::Failed, why).because(cause);
        self.with(|scene, memory, task| failed(scene, memory, task, None, &failure).expect("kept"))
    }

    fn past(&mut self) -> Option<Past> {
        self.with(|scene, memory, task| Tried::read(memory).expect("read").past(scene, task))
    }
}

fn pause(past: &Past, now: DateTime<Utc>) -> i64 {
    match past {
        Past::CoolingDown { until, .. } => (*until - now).num_hours(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_failure_three_times_running_stops_and_another_one_does_not() {
    let mut here = Here::new();
    let (one, other) = (Cause::Other("one"), Cause::Refused);
    for (cause, hours) in [(one, 1), (one, 2), (other, 4), (one, 8), (other, 16), (one, 24), (one, 24)] {
        let past = here.fail(cause, &format!("no {hours}"));
        assert_eq!(pause(&past, here.now), hours);
        assert_eq!(here.past(), Some(past));
        here.now += TimeDelta::hours(hours);
        assert_eq!(here.past(), None, "time is over");
    }
    let stopped = here.fail(one, "no at 15:04");
    assert!(matches!(&stopped, Past::Stopped { unblock, .. } if unblock.contains("UTC: no at 15:04")), "{stopped:?}");
    here.now += TimeDelta::days(399);
    here.with(|scene, memory, _| look::look(scene, memory).expect("looked"));
    assert_eq!(here.past(), Some(stopped), "time alone changes nothing");
}

#[test]
fn a_change_of_the_line_the_content_or_the_settings_or_a_word_lets_it_go_on() {
    let mut here = Here::new();
    (0..3).for_each(|_| drop(here.fail(Cause::Refused, "422")));
    assert!(matches!(here.past(), Some(Past::Stopped { .. })));
    here.task.content = "b".into();
    assert_eq!(here.past(), None, "other content");
    here.task.content = "a".into();
    here.task.tags.by = "2026-12-01".parse().ok();
    assert_eq!(here.past(), None, "another tag");
    here.task.tags.by = None;
    let settings = here.folder.path().join("reveille.toml");
    std::fs::write(&settings, SETTINGS.replace("n.example\"\nowner", "m.example\"\nowner")).expect("written");
    assert_eq!(here.past(), None, "other settings");
    std::fs::write(&settings, format!("{SETTINGS}[wake]\nevery = \"3h\"\n")).expect("written");
    assert!(matches!(here.past(), Some(Past::Stopped { .. })), "settings that are none of its business");
    here.with(|scene, memory, task| again(memory, task.id.as_str(), scene.now).expect("kept"));
    assert_eq!(here.past(), None, "the human's word");
    assert!(matches!(here.fail(Cause::Refused, "422"), Past::Stopped { .. }), "one go, not three");
    here.with(|scene, memory, task| succeeded(memory, task, scene.now).expect("forgotten"));
    assert_eq!(here.past(), None);
    assert!(matches!(here.fail(Cause::Refused, "422"), Past::CoolingDown { .. }), "counted from the start");
}

#[test]
fn a_network_goes_on_after_a_day_and_a_clock_that_is_set_back_waits() {
    let mut here = Here::new();
    (0..3).for_each(|_| drop(here.fail(Cause::Network, "no line")));
    let look = |here: &mut Here| here.with(|scene, memory, _| look::look(scene, memory).expect("looked"));
    here.now += TimeDelta::hours(23);
    look(&mut here);
    assert!(matches!(here.past(), Some(Past::Stopped { .. })), "not yet");
    here.now -= TimeDelta::days(300);
    look(&mut here);
    here.now += TimeDelta::hours(23);
    look(&mut here);
    assert!(matches!(here.past(), Some(Past::Stopped { .. })), "a day is a day, from when the clock was seen to be back");
    here.now += TimeDelta::hours(1);
    look(&mut here);
    assert_eq!(here.past(), None, "the site can't be asked: it has one go a day");
    assert!(matches!(here.fail(Cause::Network, "no line"), Past::Stopped { .. }));
}

#[test]
fn a_clock_that_jumps_forgets_no_stop_and_the_number_spares_them() {
    let mut here = Here::new();
    (0..3).for_each(|_| drop(here.fail(Cause::Refused, "422")));
    let stopped = here.task.id.clone();
    here.now += TimeDelta::days(5_000);
    for number in 0..=MOST {
        here.task.id = TaskId::of_words(&format!("task {number}"), 0);
        let _ = here.fail(Cause::Refused, "422");
    }
    here.task.id = stopped;
    assert!(matches!(here.past(), Some(Past::Stopped { .. })));
    assert_eq!(Tried::read(&here.memory).expect("read").0.len(), MOST);
}

#[test]
fn what_is_kept_is_bounded_and_one_line() {
    let mut here = Here::new();
    for number in 0..=MOST {
        here.task.id = TaskId::of_words(&format!("task {number}"), 0);
        here.now += TimeDelta::minutes(1);
        let _ = here.fail(Cause::Network, &"no\nline ".repeat(1000));
    }
    let tried = Tried::read(&here.memory).expect("read");
    assert_eq!(tried.0.len(), MOST);
    assert!(!tried.0.contains_key(TaskId::of_words("task 0", 0).as_str()), "the oldest went");
    assert!(tried.0.values().all(|failures| failures.why.chars().count() <= WORDS && !failures.why.contains('\n')));
}
