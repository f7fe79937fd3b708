//! What only the readers' side uses: found here, before a reader, a letter or a measuring meets it.
//!
//! Must stay true: each finding is said as the command says it that would meet it.

use std::fs::File;
use std::path::Path;

use reveille_memory::Memory;
use reveille_skills::answers::survey;
use reveille_skills::measure::with_rotated;

use super::super::Ready;
use super::{Finding, scene};
use crate::connect;
use crate::deliberate::load;
use crate::experiments;
use crate::failure::Outcome;
use crate::segments;
use crate::serve::{Server, templates, waiting};
use crate::settings::Site;

pub(super) fn examine(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    rules(ready, findings);
    mailbox(ready, findings);
    let Some(site) = &ready.settings.site else { return };
    if let Some((what, hint)) = site.is_closed(&ready.settings) {
        findings.push(Finding::warning("site", what, Some(hint.to_owned())));
    }
    for tried in [templates::pages(&ready.home, &ready.settings).map(drop), templates::words(&scene(ready))] {
        findings.extend(tried.err().map(|failure| Finding::of("templates", &failure)));
    }
    logs(ready.home.root(), site, findings);
    server(ready, findings);
}

/// survey.toml, segments.toml, and experiments whose words were changed.
fn rules(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    if let Err(error) = survey::in_home(ready.home.root()) {
        findings.push(Finding::error("survey", error.to_string(), error.hint()));
    }
    if let Err(failure) = segments::load(&ready.home) {
        // Each fault on a line of its own.
        let hint = failure.hint.clone();
        findings.extend(failure.to_string().lines().map(|line| Finding::error("segments", line, hint.clone())));
    }
    match changed(ready) {
        Ok(wrong) => findings.extend(wrong.into_iter().map(|what| Finding::error("experiments", what, None))),
        Err(failure) => findings.push(Finding::of("experiments", &failure)),
    }
}

/// Experiments that are wrong by what people have seen; what is wrong in a file alone is found with the other files.
fn changed(ready: &Ready<'_>) -> Outcome<Vec<String>> {
    // A memory that can't be read is a finding of its own, and so is a file that stops the rest.
    let (Ok(memory), Ok(loaded)) = (Memory::open_read_only(&ready.home.database()), load(&scene(ready))) else { return Ok(vec![]) };
    let of_files: Vec<String> = loaded.problems.iter().map(|problem| format!("{}:{}", problem.path, problem.diagnostic)).collect();
    let all = experiments::all(&scene(ready), Some(&memory), &loaded.shelf, None)?;
    Ok(all.into_iter().filter(|shown| shown.state == "wrong" && !of_files.contains(&shown.next)).map(|shown| shown.next).collect())
}

/// The mailbox that answers come to, as far as it can be known without asking it.
fn mailbox(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    if ready.settings.answers.as_ref().is_none_or(|answers| answers.imap.is_none()) {
        return;
    }
    let patience = ready.settings.wake.patience.duration();
    if let Err(failure) = connect::mailbox(&ready.settings, &ready.home, ready.environment, patience) {
        findings.push(Finding::warning("answers", format!("answers from the mailbox can't be fetched: {failure}"), failure.hint));
    }
}

/// The logs of the settings.
fn logs(root: &Path, site: &Site, findings: &mut Vec<Finding>) {
    for log in &site.logs {
        let all = with_rotated(&root.join(log));
        let read = all.and_then(|files| match files.as_slice() {
            [] => Err(std::io::ErrorKind::NotFound.into()),
            files => files.iter().try_for_each(|file| File::open(file).map(drop)),
        });
        if let Err(error) = read {
            let hint = "`logs` of [site] names logs that whoever wakes the home may read; groups like `adm` may read those of a web server";
            findings.push(Finding::warning("logs", format!("the log {} can't be read: {error}", log.display()), Some(hint.to_owned())));
        }
    }
}

/// Whether somebody answers where letters lead, and what readers wait for.
fn server(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    let server = Server::of(&ready.home);
    let is_mailed = ready.settings.channels.email.is_some();
    if !server.running && is_mailed {
        let hint = "`reveille serve`; docs/site.md, Serving, has what keeps it running".to_owned();
        findings.push(Finding::warning("serve", format!("`reveille serve` is {}", server.shown(true)), Some(hint)));
    }
    // A memory that can't be read is a finding of its own.
    let Ok(memory) = Memory::open_read_only(&ready.home.database()) else { return };
    match waiting(&scene(ready), &memory, &server) {
        Ok(waiting) => {
            let finding =
                |waiting: crate::serve::Waiting| Finding::warning("mails", waiting.sentence(), waiting.hint().map(ToOwned::to_owned));
            findings.extend(waiting.map(finding));
        }
        Err(failure) => findings.push(Finding::of("mails", &failure)),
    }
}
