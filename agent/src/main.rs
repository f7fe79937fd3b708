//! The program `reveille`: commands, settings, the wake. Everything below it is called from here; nothing calls up.

mod act;
mod answers;
mod backup;
mod brakes;
mod child;
mod chosen;
mod clock;
mod commands;
mod connect;
mod credential;
mod daemon;
mod deliberate;
mod environment;
mod experiments;
mod failed;
mod failure;
mod fault;
mod handover;
mod home;
mod home_key;
mod inbox;
mod learn;
mod lease;
mod ledger;
mod letter;
mod list;
mod locked;
mod logging;
mod measuring;
mod noted;
mod notice;
mod numbers;
mod observe;
mod past;
mod pausing;
mod post;
mod priority;
mod reached;
mod readings;
mod record;
mod rendering;
mod retain;
mod segments;
mod serve;
mod service;
mod settings;
mod sheet;
mod stages;
mod telling;
mod tellings;
mod tried;
mod turn;
mod visits;
mod wake;
mod watchdog;
mod week;
mod witness;

use std::process::ExitCode;

use clap::Parser;

use reveille_models::processor;

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};

fn main() -> ExitCode {
    leave_no_core();
    let cli = match commands::Cli::try_parse() {
        Ok(cli) => cli,
        // clap prints help and usage itself: 0 for help, 2 for wrong usage.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = fits_processor().and_then(|()| Environment::read()).and_then(|environment| commands::run(cli, &environment));
    match result {
        Ok(code) => code,
        Err(failure) => {
            logging::say_failure(&failure);
            failure.code()
        }
    }
}

/// Refuses a processor that lacks what llama.cpp was built with: a message instead of an illegal instruction later on.
fn fits_processor() -> Outcome {
    let processor = processor();
    let Some(missing) = processor.missing() else { return Ok(()) };
    let message = format!("this reveille was built for {}, and this processor has no {missing}", processor.built_for());
    Err(Failure::message(Kind::Failed, message)
        .hint("build it on this computer with `make`, or on another with `make portable`, whose program runs on every x86-64 since 2008"))
}

/// Secrets are in memory, and a core file is memory on a disk: a crash leaves none. The limit is for files; a program that takes
/// cores through a pipe asks on Linux only whether the process may be dumped, which also keeps debuggers of the same user out.
fn leave_no_core() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    // A system that has no such limit writes no core either.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
