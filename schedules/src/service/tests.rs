//! The texts of the three services. What sh, cron and systemd make of them: `tests/suite/service.rs`.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn job(program: &str, home: &str) -> Job {
    Job::new(Path::new(program), Path::new(home), "1a2b3c4d").expect("a job")
}

fn hours(step: usize) -> Times {
    Times::Daily((0..24).step_by(step).map(|hour| hour * 60 + 5).collect())
}

#[test]
fn paths_that_a_service_could_misread_are_refused() {
    let new = |home: &str| Job::new(Path::new("/bin/reveille"), Path::new(home), "1a").map(|job| job.label().to_owned());
    assert_eq!(new("/home/ann/The Letter!").as_deref(), Ok("reveille-the-letter-1a"));
    assert_eq!(new("/").as_deref(), Ok("reveille-1a"));
    for (home, why) in [("letter", "absolute"), ("/a\nb", "line end"), ("/a\u{7f}b", "control"), ("/a\\", "backslash")] {
        let error = new(home).expect_err(home);
        assert!(error.to_string().contains(why) && error.hint().is_some(), "{error}");
    }
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"/a\xff");
    assert!(matches!(Job::new(Path::new("/b"), Path::new(odd), "1"), Err(ServiceError::NoText(_))));
}

/// The keys that launchd.plist(5) documents and that a LaunchAgent of ours may have, with the kind of their values.
const DOCUMENTED: [(&str, &str); 9] = [
    ("Label", "string"),
    ("ProgramArguments", "strings"),
    ("StartCalendarInterval", "calendar"),
    ("RunAtLoad", "boolean"),
    ("ProcessType", "string"),
    ("LowPriorityIO", "boolean"),
    ("Nice", "integer"),
    ("StandardOutPath", "string"),
    ("StandardErrorPath", "string"),
];

#[test]
fn a_launch_agent_has_documented_keys_only() {
    let strange = "/Users/ann/R&D <\"'%>";
    let text = launch_agent(&job("/usr/local/bin/reveille", strange), &hours(2)).expect("written");
    let read = plist::Value::from_reader_xml(text.as_bytes()).expect("a property list");
    let agent = read.as_dictionary().expect("a dictionary");
    let keys: BTreeSet<&str> = agent.keys().map(String::as_str).collect();
    assert_eq!(keys, DOCUMENTED.iter().map(|(key, _)| *key).collect(), "{text}");
    for (key, kind) in DOCUMENTED {
        let value = &agent[key];
        let right = match kind {
            "string" => value.as_string().is_some(),
            "boolean" => value.as_boolean() == Some(true),
            "integer" => value.as_signed_integer().is_some_and(|nice| (-20..=20).contains(&nice)),
            "strings" => value.as_array().is_some_and(|all| all.iter().all(|one| one.as_string().is_some())),
            _ => value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(calendar_entry)),
        };
        assert!(right, "{key}: {value:?}");
    }
    let words: Vec<&str> = agent["ProgramArguments"].as_array().into_iter().flatten().filter_map(plist::Value::as_string).collect();
    assert_eq!(words, ["/usr/local/bin/reveille", "--quiet", "--home", strange, "wake", "--scheduled", "launchd"]);
    assert_eq!(agent["StartCalendarInterval"].as_array().map(Vec::len), Some(12));
    assert_eq!(agent["ProcessType"].as_string(), Some("Background"));
    assert_eq!(agent["StandardErrorPath"].as_string(), Some("/Users/ann/R&D <\"'%>/memory/service.log"));
}

/// `Minute` is always there: without it launchd starts it each minute of the hour.
fn calendar_entry(value: &plist::Value) -> bool {
    let Some(entry) = value.as_dictionary() else { return false };
    let within = |key: &str, most: i64| entry.get(key).is_none_or(|at| at.as_signed_integer().is_some_and(|at| (0..=most).contains(&at)));
    entry.contains_key("Minute") && entry.keys().all(|key| key == "Minute" || key == "Hour") && within("Minute", 59) && within("Hour", 23)
}

#[test]
fn a_crontab_block_is_a_line_for_cron_and_for_the_shell() {
    let block = cron_block(&job("/usr/bin/reveille", "/home/ann/letter"), &Times::Hourly([0, 30].into())).expect("short");
    let expected = "# BEGIN reveille-letter-1a2b3c4d
# Wakes /home/ann/letter; `reveille service install` writes these lines.
0,30 * * * * /usr/bin/reveille --quiet --home /home/ann/letter wake --scheduled cron >/dev/null
# END reveille-letter-1a2b3c4d
";
    assert_eq!(block, expected);
    let daily = cron_block(&job("/r", "/h"), &Times::Daily([0, 90, 180].into())).expect("short");
    assert!(daily.contains("\n0 0,3 * * * /r ") && daily.contains("\n30 1 * * * /r "), "{daily}");
    let all = cron_block(&job("/r", "/h"), &Times::Hourly((0..60).collect())).expect("short");
    assert!(all.contains("\n* * * * * /r "), "{all}");
    assert_eq!(cron_block(&job("/r", &format!("/{}", "h".repeat(1000))), &hours(2)).map_err(|error| error.hint().is_some()), Err(true));
}

#[test]
fn strange_words_are_quoted_for_cron_and_for_the_shell() {
    let block = cron_block(&job("/opt/my r", "/h/50% it's \"$A\" `x`"), &hours(2)).expect("short");
    assert!(block.contains(r#" '/opt/my r' --quiet --home '/h/50'\%' it'"'"'s "$A" `x`' wake "#), "{block}");
}

proptest! {
    #[test]
    fn a_crontab_gets_its_bytes_back(lines in proptest::collection::vec("[ -~é\t]{0,30}\n", 0..6), last in "[ -~]{0,20}", odd in any::<[u8; 3]>(), minute in 0u32..60) {
        let mut before = lines.concat().into_bytes();
        before.extend_from_slice(last.as_bytes());
        before.extend(odd);
        let job = job("/r", "/h");
        let block = |minute| cron_block(&job, &Times::Hourly([minute].into())).expect("short");
        let once = crontab_with(&before, job.label(), &block(minute)).expect("whole");
        let twice = crontab_with(&once, job.label(), &block(minute)).expect("whole");
        prop_assert_eq!(&once, &twice);
        prop_assert!(once.ends_with(&before));
        let changed = crontab_with(&once, job.label(), &block((minute + 1) % 60)).expect("whole");
        prop_assert_eq!(crontab_without(&changed, job.label()).expect("whole"), before);
    }

    #[test]
    fn two_homes_in_one_crontab_leave_each_other_alone(between in "[a-z0-9 *\n]{0,40}") {
        let (one, other) = (job("/r", "/one"), job("/r", "/two"));
        let block = |job: &Job| cron_block(job, &Times::Hourly([0].into())).expect("short");
        let first = crontab_with(between.as_bytes(), one.label(), &block(&one)).expect("whole");
        let both = crontab_with(&first, other.label(), &block(&other)).expect("whole");
        prop_assert_eq!(crontab_without(&both, other.label()).expect("whole"), first);
        let rest = crontab_without(&both, one.label()).expect("whole");
        prop_assert_eq!(rest, [block(&other).as_bytes(), between.as_bytes()].concat());
    }
}

#[test]
fn damaged_marks_are_left_alone() {
    let (begin, end) = ("# BEGIN reveille-h-1a2b3c4d\n", "# END reveille-h-1a2b3c4d\n");
    for text in
        [begin.to_owned(), end.to_owned(), format!("{end}{begin}"), format!("{begin}{end}{begin}{end}"), format!("{begin}{begin}{end}")]
    {
        let error = crontab_with(text.as_bytes(), "reveille-h-1a2b3c4d", "x\n").expect_err(&text);
        assert!(error.hint().is_some_and(|hint| hint.contains("crontab -e")), "{error}");
    }
    assert_eq!(crontab_block(format!(" {begin}").as_bytes(), "reveille-h-1a2b3c4d"), Ok(None));
}

#[test]
fn units_are_written_as_systemd_has_them() {
    let timer = systemd_timer(&job("/r", "/h/50%"), &Times::Daily([0, 90, 180].into()));
    for line in ["Description=Wakes /h/50%%", "OnCalendar=*-*-* 00,03:00:00 UTC", "OnCalendar=*-*-* 01:30:00 UTC", "Persistent=true"] {
        assert!(timer.lines().any(|found| found == line), "{timer}");
    }
    let service = systemd_service(&job("/my r$", "/h/$A \"50%\"").limit(Duration::from_secs(1200)));
    let start = "ExecStart=\"/my r$\" \"--quiet\" \"--home\" \"/h/$$A \\\"50%%\\\"\" \"wake\" \"--scheduled\" \"systemd\"";
    for line in [start, "TimeoutStartSec=1800", "NoNewPrivileges=yes", "SuccessExitStatus=75"] {
        assert!(service.lines().any(|found| found == line), "{service}");
    }
    assert!(!systemd_service(&job("/r", "/h").unconfined()).contains("NoNewPrivileges"));
}
