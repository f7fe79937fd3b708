//! The program `reveille`: commands, settings, the wake. Everything below it is called from here; nothing calls up.

mod act;
mod answers;
mod commands;
mod deliberate;
mod environment;
mod failure;
mod handover;
mod home;
mod learn;
mod lease;
mod ledger;
mod logging;
mod observe;
mod readings;
mod record;
mod settings;
mod sheet;
mod stages;
mod wake;

use std::process::ExitCode;

use clap::Parser;

use crate::environment::Environment;

fn main() -> ExitCode {
    let cli = match commands::Cli::try_parse() {
        Ok(cli) => cli,
        // clap prints help and usage itself: 0 for help, 2 for wrong usage.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = Environment::read().and_then(|environment| commands::run(cli, &environment));
    match result {
        Ok(code) => code,
        Err(failure) => {
            logging::say_failure(&failure);
            failure.code()
        }
    }
}
