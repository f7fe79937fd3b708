//! Where the systems differ: the one place. What macOS gets was never run on a Mac.

use super::Note;

/// Whether the machine's own service is launchd.
pub(super) const PREFERS_LAUNCHD: bool = cfg!(target_os = "macos");

/// Why cron starts nothing; launchd starts cron there when a crontab is written.
#[cfg(target_os = "macos")]
pub(super) fn cron_rests() -> Option<Note> {
    None
}

/// Why cron starts nothing: no daemon is among the processes. Where those can't be seen nothing is said.
#[cfg(not(target_os = "macos"))]
pub(super) fn cron_rests() -> Option<Note> {
    let names: Vec<String> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("comm")).ok())
        .collect();
    let runs = names.iter().any(|name| ["cron", "crond", "fcron", "dcron"].contains(&name.trim_end()));
    (!names.is_empty() && !runs).then(|| Note {
        what: "no cron daemon is running".to_owned(),
        hint: "as root, `systemctl enable --now cron` or `service cron start`; on some systems it is called crond".to_owned(),
    })
}

/// What to know about cron on this system.
pub(super) fn cron_notes() -> Vec<Note> {
    let protected = Note {
        what: "macOS keeps cron out of Documents, Desktop and Downloads".to_owned(),
        hint: "give /usr/sbin/cron Full Disk Access, or `reveille service install launchd`".to_owned(),
    };
    if cfg!(target_os = "macos") { vec![protected] } else { vec![] }
}
