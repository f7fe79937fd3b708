//! Talk goes to stderr, and as JSON lines into `memory/logs`, a file a day, thirty kept. No value of a secret is ever in a
//! field: secrets are looked at in `settings/secret.rs` only, which keeps none.

use std::io::IsTerminal;

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::failure::{Failure, OnDisk, Outcome};
use crate::home::Home;

/// How much the program talks on stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    pub(crate) verbose: u8,
    pub(crate) quiet: bool,
}

/// Starts talk on stderr and, for a wake or the daemon, the log in the home.
pub(crate) fn start(talk: Talk, home: Option<&Home>) -> Outcome {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let terminal = fmt::layer()
        .with_writer(std::io::stderr)
        // A terminal that is gone would make a panic of it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .with_filter(ours(level));
    let file = match home {
        None => None,
        Some(home) => {
            std::fs::create_dir_all(home.logs()).on(&home.logs())?;
            let appender = RollingFileAppender::builder()
                .rotation(Rotation::DAILY)
                .filename_prefix("reveille")
                .filename_suffix("jsonl")
                .max_log_files(30)
                .build(home.logs())
                .map_err(|error| anyhow::Error::new(error).context(format!("failed to open the log in {}", home.logs().display())))?;
            Some(fmt::layer().json().with_writer(appender).log_internal_errors(false).with_filter(ours(LevelFilter::DEBUG)))
        }
    };
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(terminal).with(file).try_init();
    Ok(())
}

/// What our own crates say, from this level on. All their names begin like the program's.
fn ours(level: LevelFilter) -> Targets {
    Targets::new().with_target("reveille", level)
}

/// A failure on stderr, with its hint, and in the log.
pub(crate) fn say_failure(failure: &Failure) {
    use std::io::Write;
    const BAD: anstyle::Style = anstyle::Style::new().bold().fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Red)));
    const HINT: anstyle::Style = anstyle::Style::new().bold();
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{BAD}error{BAD:#}: {failure}");
    if let Some(hint) = &failure.hint {
        let _ = writeln!(stderr, "{HINT}hint{HINT:#}: {hint}");
    }
}
