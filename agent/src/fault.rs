//! Fault points, for tests only: `REVEILLE_FAULT=STEP` ends the process with SIGKILL when it comes to that step of an effect,
//! as a power cut would. `STEP:N` at the N-th time. It can end a wake, and do nothing else.

use std::cell::Cell;

use reveille_skills::delivery::Step;

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};

/// Where to end, and after how many times.
pub(crate) struct Faults {
    at: Option<Step>,
    left: Cell<u32>,
}

impl Faults {
    /// What the environment asks for; nothing, usually.
    pub(crate) fn of(environment: &Environment) -> Outcome<Self> {
        let Some(asked) = environment.get("REVEILLE_FAULT").map(|asked| asked.to_string_lossy().into_owned()) else {
            return Ok(Self { at: None, left: Cell::new(0) });
        };
        let (step, times) = asked.split_once(':').unwrap_or((&asked, "1"));
        match (step.parse(), times.parse()) {
            (Ok(step), Ok(times)) => Ok(Self { at: Some(step), left: Cell::new(times) }),
            _ => {
                let failure = Failure::message(Kind::Usage, format!("`REVEILLE_FAULT={asked}` is no step of an effect"));
                Err(failure.hint("write it like before-call or after-answer:3; it is for tests only"))
            }
        }
    }

    /// A step is reached.
    pub(crate) fn reach(&self, step: Step) {
        if self.at != Some(step) {
            return;
        }
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 {
            // Nothing may run after this, not even a destructor: that is what is tested.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}
