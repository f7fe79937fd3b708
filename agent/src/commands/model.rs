//! `model`: the reader, larger models, training.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::print;
use crate::environment::Environment;
use crate::failure::Outcome;
use crate::home::Home;

/// Look at the reader, fetch larger models, train the heads
#[derive(Debug, Args)]
pub(crate) struct Model {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// List the models of the catalogue
    List,
}

impl Model {
    pub(super) fn run(self, _home: Option<&Home>, _environment: &Environment) -> Outcome<ExitCode> {
        match self.command {
            Sub::List => print("")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
