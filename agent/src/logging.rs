//! Talk goes to stderr, and as JSON lines into `memory/logs`, a file a day, thirty kept. No value of a secret is ever in a
//! field: secrets are looked at in `settings/secret.rs` only, which keeps none.

use std::io::IsTerminal;

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use crate::failure::{Failure, OnDisk, Outcome};
use crate::home::Home;

/// How much the program talks on stderr.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    pub(crate) verbose: u8,
    pub(crate) quiet: bool,
}

/// Starts talk on stderr and, for a wake, the log in the home.
pub(crate) fn start(talk: Talk, home: Option<&Home>) -> Outcome {
    let level = match (talk.quiet, talk.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let terminal =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false).without_time().with_filter(
            EnvFilter::new(format!("off,reveille={level},reveille_skills={level},reveille_models={level},reveille_memory={level}")),
        );
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
            let filter = EnvFilter::new("off,reveille=debug,reveille_skills=debug,reveille_models=debug,reveille_memory=debug");
            Some(fmt::layer().json().with_writer(appender).with_filter(filter))
        }
    };
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(terminal).with(file).try_init();
    Ok(())
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
