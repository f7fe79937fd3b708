//! The timer and the service of a home for the user's systemd (systemd.timer(5), systemd.exec(5)).
//!
//! Must stay true: times in UTC, so that no change of the clocks matters; `Persistent=true`, so that what was missed is made up for.
//! Confined only by what needs no namespace: where a machine forbids those to users, such a unit would never start.

use std::fmt::Write as _;

use super::{Job, Service, Times};

/// The timer unit, with `times` in UTC.
pub fn systemd_timer(job: &Job, times: &Times) -> String {
    let mut out = format!("[Unit]\nDescription=Wakes {}\n\n[Timer]\n", specified(job.home()));
    for line in calendar(times) {
        let _ = writeln!(out, "OnCalendar={line}");
    }
    out.push_str("Persistent=true\nAccuracySec=1min\n\n[Install]\nWantedBy=timers.target\n");
    out
}

/// The service unit.
pub fn systemd_service(job: &Job) -> String {
    let words = job.command(Service::Systemd);
    let mut command = quoted(words[0]);
    for word in &words[1..] {
        // Variables are put in everywhere but in the program's path.
        let _ = write!(command, " {}", quoted(&word.replace('$', "$$")));
    }
    let confined = "\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
";
    // 75: another wake is running, or the home is paused.
    format!(
        "[Unit]\nDescription=A wake of {home}\n\n[Service]\nType=oneshot\nExecStart={command}\nSuccessExitStatus=75\n\
         TimeoutStartSec={limit}\nStandardOutput=null\nNice=10\nIOSchedulingClass=idle\n{confined}",
        home = specified(job.home()),
        limit = job.limit.as_secs() + 600,
        confined = if job.confined { confined } else { "" },
    )
}

/// The lines of `OnCalendar`, one for each minute of the hour where there are several hours.
fn calendar(times: &Times) -> Vec<String> {
    let two = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(|number| format!("{number:02}")).collect::<Vec<_>>().join(",");
    match times {
        Times::Hourly(minutes) => vec![format!("*-*-* *:{}:00 UTC", two(&mut minutes.iter().copied()))],
        Times::Daily(all) => times
            .minutes()
            .into_iter()
            .map(|minute| {
                let hours = two(&mut all.iter().filter(|at| **at % 60 == minute).map(|at| at / 60));
                format!("*-*-* {hours}:{minute:02}:00 UTC")
            })
            .collect(),
    }
}

/// A word in the quotes of systemd.syntax(7).
fn quoted(word: &str) -> String {
    format!("\"{}\"", specified(word).replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text in which `%` begins nothing.
fn specified(text: &str) -> String {
    text.replace('%', "%%")
}
