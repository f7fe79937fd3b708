//! `init`: a first home. Asks little, overwrites nothing.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};
use crate::settings::Settings;

/// Make a home: settings, a mission, a first PROGRESS.md
///
/// Asks for the name, the address and your mail address; --yes takes what is given and the defaults. Files that are there
/// already stay as they are.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// The publication's name
    #[arg(long)]
    name: Option<String>,
    /// Its address, starting with https
    #[arg(long)]
    url: Option<String>,
    /// Your mail address: never counted as a reader
    #[arg(long)]
    owner: Option<String>,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    pub(super) fn run(self, place: &Path, environment: &Environment) -> Outcome<ExitCode> {
        let ask = !self.yes && std::io::stdin().is_terminal();
        let name = answer(self.name, ask, "Name of the publication", "My Letter")?;
        let url = answer(self.url, ask, "Its address", "https://letter.example")?;
        let owner = answer(self.owner, ask, "Your mail address (never counted as a reader)", "me@letter.example")?;
        let settings = settings(&name, &url, &owner);
        if let Err(problems) = Settings::parse(&settings) {
            let said: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
            return Err(Failure::message(Kind::Usage, said.join("; ")).hint("an address starts with https://"));
        }
        let today = environment.now().format("%Y-%m-%d").to_string();
        let files = [
            ("reveille.toml", settings),
            ("mission/MISSION.md", mission(&name)),
            ("PROGRESS.md", PROGRESS.to_owned()),
            ("drafts/hello.md", draft(&name, &today)),
        ];
        let mut out = String::new();
        for (path, text) in &files {
            let target = place.join(path);
            let said = match (target.symlink_metadata().is_ok(), self.dry_run) {
                (true, _) => "kept",
                (false, true) => "would write",
                (false, false) => write_new(&target, text)?,
            };
            out.push_str(&format!("{said:<12}{}\n", target.display()));
        }
        for folder in ["issues", "memory"] {
            if !self.dry_run {
                std::fs::create_dir_all(place.join(folder)).map_err(|error| not_written(&place.join(folder), &error))?;
            }
        }
        out.push_str(&format!(
            "\nNext: write mission/MISSION.md, put your list into PROGRESS.md, then\n  reveille --home {0} plan\n  reveille --home {0} wake\n",
            place.display()
        ));
        print(&out)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn answer(given: Option<String>, ask: bool, question: &str, default: &str) -> Outcome<String> {
    if let Some(given) = given {
        return Ok(given);
    }
    if !ask {
        return Ok(default.to_owned());
    }
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{question} [{default}]: ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let line = line.trim();
    Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
}

fn write_new(target: &Path, text: &str) -> Outcome<&'static str> {
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(target.parent().unwrap_or(Path::new(".")))?;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(target)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map(|()| "wrote").map_err(|error| not_written(target, &error))
}

fn not_written(target: &Path, error: &std::io::Error) -> Failure {
    Failure::message(Kind::Failed, format!("failed to write {}: {error}", target.display())).hint("give another folder with --home")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn settings(name: &str, url: &str, owner: &str) -> String {
    format!(
        r#"# Settings of this home. Every key is explained in docs/settings.md.
name = {}
url = {}
owner = {}          # never counted as a reader

[wake]
every = "2h"
# quiet = "23:00-07:00"
# timezone = "America/New_York"

# A channel that is not here is not used, whatever a task line says. Secrets stand here by reference only.
# [channels.mastodon]
# server = "https://social.example"
# token = {{ env = "MASTODON_TOKEN" }}

# [channels.hackernews]      # only a person may post there: the text is prepared for you
"#,
        quoted(name),
        quoted(url),
        quoted(owner),
    )
}

fn mission(name: &str) -> String {
    format!("# {}\n\nWhat it is, and for whom.\n\n## Goal\n- confirmed subscribers: 100\n", name.replace('\n', " "))
}

const PROGRESS: &str = "# Progress\n\n- [ ] Write the first issue\n";

fn draft(name: &str, today: &str) -> String {
    let title = quoted(&format!("Hello from {name}"));
    format!(
        "---\ntitle: {title}\nsummary: The first issue.\ntags: [hello]\nready: false\n---\n\nWritten on {today}. Set `ready: true` above when it may go out: the next wake publishes it.\n"
    )
}
