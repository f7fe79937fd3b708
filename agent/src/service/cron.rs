//! The user's crontab, through crontab(1).
//!
//! Must stay true: a crontab that can't be read is never written; what was written is read back.

use std::io::Write as _;

use reveille_schedules::service::{crontab_block, crontab_with, crontab_without};

use super::{Machine, Place, Service, refused};
use crate::failure::{Failure, Kind, OrFail, Outcome};

/// The block of this home, if it is there.
pub(super) fn block(machine: &Machine<'_>) -> Outcome<Option<Vec<u8>>> {
    if !machine.environment.has_tool("crontab") {
        return Ok(None);
    }
    let crontab = read(machine)?;
    Ok(crontab_block(&crontab, machine.label()).or_fail()?.map(|place| crontab[place].to_vec()))
}

pub(super) fn install(machine: &Machine<'_>) -> Outcome {
    let before = read(machine)?;
    for (place, text) in machine.texts(Service::Cron)? {
        if place == Place::Crontab {
            replace(machine, &before, &crontab_with(&before, machine.label(), &text).or_fail()?)?;
        }
    }
    Ok(())
}

pub(super) fn uninstall(machine: &Machine<'_>) -> Outcome {
    let before = read(machine)?;
    replace(machine, &before, &crontab_without(&before, machine.label()).or_fail()?)
}

/// The whole crontab; nothing where there is none, or where the user may have none.
fn read(machine: &Machine<'_>) -> Outcome<Vec<u8>> {
    let said = machine.call("crontab", ["-l"])?;
    let complains = |words: &str| said.complaint.contains(words);
    // Vixie cron and its children; then BusyBox.
    let none = complains("no crontab for") || (complains("can't open") && complains("No such file or directory"));
    match said.code {
        Some(0) => Ok(said.answer),
        Some(_) if none || complains("not allowed to use this program") => Ok(vec![]),
        _ => Err(refused("crontab -l", &said, "see that `crontab -l` works, or choose another service")),
    }
}

fn replace(machine: &Machine<'_>, before: &[u8], after: &[u8]) -> Outcome {
    if before == after {
        return Ok(());
    }
    let hint = "see that `crontab -e` works, or choose another service; the crontab is as it was";
    if after.is_empty() {
        let said = machine.call("crontab", ["-r"])?;
        return if said.well() { Ok(()) } else { Err(refused("crontab -r", &said, hint)) };
    }
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(after)?;
    file.flush()?;
    let said = machine.call("crontab", [file.path()])?;
    if !said.well() {
        return Err(refused("crontab FILE", &said, hint));
    }
    if read(machine)? == after {
        return Ok(());
    }
    Err(Failure::message(Kind::Failed, "the crontab is not what was written into it").hint("look at it with `crontab -l`"))
}
