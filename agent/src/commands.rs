//! The command line: one file a command, one exhaustive match. A command's doc comment is its help.

mod answers;
mod approve;
mod backup;
mod channel;
mod doctor;
mod experiment;
mod init;
mod log;
mod measure;
mod model;
mod pause;
mod plan;
mod posted;
mod readers;
mod render;
mod run;
pub(crate) mod serve;
mod service;
mod status;
mod wake;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::environment::Environment;
use crate::failed::{self, Started};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::logging::{self, Talk};
use crate::settings::Settings;

/// Wakes on a schedule and does the one open task that the most people will notice.
///
/// Exit codes: 0 acted or rightly rested, 1 failed (also when all that was tried failed), 2 wrong usage, 75 another wake, daemon or
/// server is running or the home is paused, 78 the settings are wrong. `doctor` has its own: 0 clean, 1 findings, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "reveille", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The home [default: the current folder if it holds reveille.toml, else $REVEILLE_HOME, else ~/.reveille]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Say nothing but errors on stderr
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Wake(wake::Wake),
    Run(run::Run),
    Plan(plan::Plan),
    Why(why::Why),
    Status(status::Status),
    Doctor(doctor::Doctor),
    Experiment(experiment::Experiment),
    Render(render::Render),
    Answers(answers::Answers),
    Approve(approve::Approve),
    Backup(backup::Backup),
    Channel(channel::Channel),
    Measure(measure::Measure),
    Posted(posted::Posted),
    Readers(readers::Readers),
    Serve(serve::Serve),
    Service(service::Service),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Log(log::Log),
    Model(model::Model),
}

/// What most commands need: a home with settings that are right.
pub(crate) struct Ready<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) home: Home,
    pub(crate) settings: Settings,
    /// What `reveille.toml` said when the settings were read.
    pub(crate) settings_text: String,
}

/// Runs the command.
pub(crate) fn run(cli: Cli, environment: &Environment) -> Outcome<ExitCode> {
    let common = &cli.common;
    let talk = Talk { verbose: common.verbose, quiet: common.quiet };
    let find = || Home::find(common.home.as_deref(), environment);
    let quiet_log = || logging::start(talk, None);
    match cli.command {
        Command::Init(init) => {
            quiet_log()?;
            init.run(&Home::place(common.home.as_deref(), environment), environment)
        }
        Command::Doctor(doctor) => {
            quiet_log()?;
            doctor.run(find(), environment)
        }
        Command::Wake(wake) => {
            let home = find()?;
            if !wake.leaves_a_trace() {
                quiet_log()?;
                return wake.run(&ready(home, environment)?).map(Started::code);
            }
            let by_timer = wake.is_by_timer();
            let woken = failed::watch(&home, environment, || {
                logging::start(talk, Some(&home))?;
                wake.run(&ready(home.clone(), environment)?)
            });
            match woken {
                // Nobody is at hand, and `status` tells of the slot: a timer's mail each hour of a pause would help nobody.
                Err(failure) if by_timer && failure.kind == Kind::Busy => {
                    tracing::warn!("{failure}");
                    Ok(failure.code())
                }
                woken => woken,
            }
        }
        Command::Run(daemon) => {
            let home = find()?;
            logging::start(talk, Some(&home))?;
            daemon.run(ready(home, environment)?)
        }
        Command::Model(model) => {
            quiet_log()?;
            model.run(find, environment)
        }
        Command::Plan(plan) => quiet_log().and_then(|()| plan.run(&ready(find()?, environment)?)),
        Command::Why(why) => quiet_log().and_then(|()| why.run(&ready(find()?, environment)?)),
        Command::Status(status) => quiet_log().and_then(|()| status.run(find()?, environment)),
        Command::Experiment(experiment) => quiet_log().and_then(|()| experiment.run(&ready(find()?, environment)?)),
        Command::Render(render) => quiet_log().and_then(|()| render.run(&ready(find()?, environment)?)),
        Command::Answers(answers) => quiet_log().and_then(|()| answers.run(find()?, environment)),
        Command::Approve(approve) => quiet_log().and_then(|()| approve.run(&ready(find()?, environment)?)),
        Command::Backup(backup) => quiet_log().and_then(|()| backup.run(find()?, environment)),
        Command::Channel(channel) => quiet_log().and_then(|()| channel.run(&ready(find()?, environment)?)),
        Command::Measure(measure) => quiet_log().and_then(|()| measure.run(&ready(find()?, environment)?)),
        Command::Posted(posted) => quiet_log().and_then(|()| posted.run(&ready(find()?, environment)?)),
        Command::Readers(readers) => quiet_log().and_then(|()| readers.run(&ready(find()?, environment)?, common.verbose > 0)),
        Command::Serve(serve) => {
            let home = find()?;
            logging::start(talk, Some(&home))?;
            serve.run(&ready(home, environment)?)
        }
        Command::Service(service) => quiet_log().and_then(|()| service.run(find()?, environment)),
        Command::Pause(pause) => quiet_log().and_then(|()| pause.run(&find()?, environment)),
        Command::Resume(resume) => quiet_log().and_then(|()| resume.run(&find()?, environment)),
        Command::Log(log) => quiet_log().and_then(|()| log.run(&find()?)),
    }
}

/// Reads the settings of a home; what is wrong is said with file, line and column.
pub(crate) fn ready(home: Home, environment: &Environment) -> Outcome<Ready<'_>> {
    let path = home.settings();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::message(Kind::Settings, format!("failed to read {}: {error}", path.display())))?;
    let settings = Settings::parse(&text).map_err(|problems| {
        let lines: Vec<String> =
            problems.iter().map(|problem| format!("{}:{}:{}: {}", path.display(), problem.line, problem.column, problem.message)).collect();
        let hints: Vec<&str> = problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
        Failure::message(Kind::Settings, lines.join("\n")).hint(hints.join("; "))
    })?;
    Ok(Ready { environment, home, settings, settings_text: text })
}

/// Data goes to stdout, through a writer that leaves colours out where it is no terminal. A closed pipe ends quietly.
pub(crate) fn print(text: &str) -> Outcome {
    use std::io::Write;
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Data as JSON on stdout.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Outcome {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// An error when the home is paused.
pub(crate) fn not_paused(memory: &reveille_memory::Memory, now: chrono::DateTime<chrono::Utc>) -> Outcome {
    let Some(pause) = memory.paused(now).or_fail()? else { return Ok(()) };
    let until = pause.until.map(|until| format!(" until {}", until.format("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
    Err(Failure::message(Kind::Busy, format!("the home is paused{until}: {}", pause.reason)).hint("`reveille resume` goes on"))
}
