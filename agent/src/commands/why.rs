//! `why`: what a past wake decided, and why, from what was kept of it.

use std::process::ExitCode;

use chrono::DateTime;
use clap::Args;
use reveille_memory::{CandidateRow, Memory, Run, RunId, Sheet, Thinned};
use reveille_mission::{FactKey, ReadBy};

use super::{Ready, print};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::readings;
use crate::sheet::{people, worth};

/// Explain a wake, or one task of it: the reading, the verdict, every part of the score, where the time went
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The run's number [default: the last one], and a task's id or the start of its text
    #[arg(value_names = ["RUN", "TASK"], num_args = 0..=2)]
    what: Vec<String>,
}

/// How many labelled lines are shown beside a line that the model read.
const NEIGHBOURS: usize = 2;

/// How many proofs of an old run are shown: a letter has thousands.
const PROOFS: u32 = 20;

impl Why {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let (run, task) = self.meant()?;
        let memory = Memory::open_read_only(&ready.home.database()).or_fail()?;
        let found = match run {
            Some(number) => memory.run(RunId(number)).or_fail()?,
            None => memory.last_run().or_fail()?,
        };
        let Some(run) = found else {
            let what = run.map_or_else(|| "no wake yet".to_owned(), |number| format!("no run {number}"));
            return Err(Failure::message(Kind::Usage, what).hint("`reveille status` shows the last one"));
        };
        let sheet = memory.sheet(run.id).or_fail()?;
        let thinned = memory.thinned(run.id).or_fail()?;
        let mut out = header(&run);
        match (&sheet, task) {
            (Some(sheet), Some(task)) => {
                let row = find(sheet, task)?;
                out.push_str(&one(row));
                out.push_str(&moved(&memory, &run, row)?);
                if row.read_by == ReadBy::Model.to_string() {
                    out.push_str(&near(ready, &row.text));
                }
            }
            (Some(sheet), None) => out.push_str(&all(sheet, &run)),
            (None, task) => match (&thinned, task) {
                (Some(thinned), Some(_)) => {
                    let failure = Failure::message(Kind::Usage, gone(thinned));
                    return Err(failure.hint(format!("`reveille why {}` shows what is kept", run.id.0)));
                }
                (Some(thinned), None) => out.push_str(&kept(&memory, &run, thinned)?),
                (None, _) => out.push_str("It decided nothing.\n"),
            },
        }
        if task.is_none() && thinned.is_none() {
            out.push_str(&times(&memory, run.id)?);
        }
        print(&out)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The run and the task that are meant; a lone word that is no number is a task of the last run.
    fn meant(&self) -> Outcome<(Option<i64>, Option<&str>)> {
        match self.what.as_slice() {
            [] => Ok((None, None)),
            [one] => Ok(one.parse().map_or((None, Some(one.as_str())), |run| (Some(run), None))),
            [run, task, ..] => match run.parse() {
                Ok(run) => Ok((Some(run), Some(task))),
                Err(_) => Err(Failure::message(Kind::Usage, format!("{run:?} is no run's number")).hint("`reveille why RUN TASK`")),
            },
        }
    }
}

fn header(run: &Run) -> String {
    let end = run.outcome.as_ref().map_or_else(|| run.state.to_string(), ToString::to_string);
    let error = run.error.as_ref().map(|error| format!("  {error}\n")).unwrap_or_default();
    format!("Run {}, {}: {end}\n{error}\n", run.id.0, run.started_at.format("%Y-%m-%d %H:%M UTC"))
}

fn all(sheet: &Sheet, run: &Run) -> String {
    let mut out = String::new();
    for row in &sheet.candidates {
        let mark = if run.pick.as_deref() == Some(&row.task_id) { "→" } else { " " };
        let verdict = match (&row.refusal_kind, row.value) {
            (Some(kind), _) => format!("{kind}: {}", row.why.clone().unwrap_or_default()),
            (None, value) => format!("eligible, worth {}", worth(value.unwrap_or(0.0))),
        };
        out.push_str(&format!("{mark} {}  {}\n    {}, {}\n", row.task_id, crate::sheet::short(&row.text, 64), read(row), verdict));
    }
    out
}

fn gone(thinned: &Thinned) -> String {
    format!("the sheet of this run was thinned out on {}: pick, verdict counts and evidence are kept", thinned.at.format("%Y-%m-%d"))
}

/// What is left of a run whose sheet was thinned out.
fn kept(memory: &Memory, run: &Run, thinned: &Thinned) -> Outcome<String> {
    let summary = &thinned.summary;
    let mut out = format!("({})\n\n", gone(thinned));
    let mut say = |name: &str, text: String| out.push_str(&format!("{name:<10} {text}\n"));
    if let (Some(picked), Some(id)) = (&summary.picked, &run.pick) {
        let value = picked.value.map(|value| format!(", worth {}", worth(value))).unwrap_or_default();
        say("picked", format!("{id}  {}: for {}{value}", crate::sheet::short(&picked.text, 64), picked.who));
    }
    if let Some(did) = memory.did(run.id).or_fail()?.filter(|did| !did.is_empty()) {
        say("did", did);
    }
    let refused = summary.refused.iter().map(|(kind, count)| format!(", {kind} {count}")).collect::<String>();
    say("verdicts", format!("eligible {}{refused}", summary.eligible));
    say("asked", format!("{} things of you", summary.asks));
    for proof in memory.proofs_of_run(run.id, PROOFS).or_fail()? {
        say(
            "evidence",
            format!("{} on {}: {} ({})", proof.issue, proof.channel, proof.place, proof.fetched_at.format("%Y-%m-%d %H:%M UTC")),
        );
    }
    Ok(out)
}

fn read(row: &CandidateRow) -> String {
    format!("for {} by {} ({:.0} %)", row.who, row.read_by, row.confidence * 100.0)
}

fn find<'a>(sheet: &'a Sheet, task: &str) -> Outcome<&'a CandidateRow> {
    let by_id = sheet.candidates.iter().find(|row| row.task_id == task);
    by_id.or_else(|| sheet.candidates.iter().find(|row| row.text.starts_with(task))).ok_or_else(|| {
        Failure::message(Kind::Usage, format!("no task `{task}` in this run")).hint("`reveille why` lists them, each with its id")
    })
}

/// The labelled lines that the model learned from and that are nearest to this one: a reason to check.
fn near(ready: &Ready<'_>, text: &str) -> String {
    let found = readings::open(&ready.settings, &ready.home, ready.environment, vec![])
        .and_then(|mut reader| reader.nearest(text, NEIGHBOURS).or_fail());
    let mut out = String::new();
    match found {
        Ok(neighbours) => {
            for near in neighbours {
                let skill = near.line.skill.map_or_else(|| "no skill".to_owned(), |skill| skill.to_string());
                out.push_str(&format!(
                    "{:<10} “{}”: for {}, {skill} (likeness {:.2})\n",
                    "near", near.line.text, near.line.who, near.similarity
                ));
            }
        }
        Err(failure) => out.push_str(&format!("{:<10} not known: {failure}\n", "near")),
    }
    out
}

/// What moved the rate of strangers, where it was moved: the site's own numbers as they stood then.
fn moved(memory: &Memory, run: &Run, row: &CandidateRow) -> Outcome<String> {
    let strangers = row.parts.as_array().into_iter().flatten().any(|part| part["who"] == "strangers");
    let until = run.ended_at.unwrap_or(run.started_at);
    let known = |key: FactKey| -> Outcome<Option<u64>> {
        let rows = memory.fact_history(&key.to_string(), DateTime::UNIX_EPOCH).or_fail()?;
        Ok(rows.iter().rfind(|row| row.measured_at <= until).and_then(|row| row.value_json.parse().ok()))
    };
    let (visitors, confirmed) = (known(FactKey::SiteVisitors30d)?, known(FactKey::SiteConfirmed30d)?);
    Ok(match visitors.zip(confirmed).filter(|_| strangers) {
        Some((visitors, confirmed)) => {
            format!("{:<10} the rate of strangers, by {confirmed} confirmed of {visitors} strangers on the site in 30 days\n", "moved")
        }
        None => String::new(),
    })
}

fn one(row: &CandidateRow) -> String {
    let mut out = format!("{}  {}\n\n", row.task_id, reveille_mission::shown(&row.text));
    let mut say = |name: &str, text: String| out.push_str(&format!("{name:<10} {text}\n"));
    let place = row.line.map_or_else(|| "proposed by a skill".to_owned(), |line| format!("line {line} of PROGRESS.md"));
    say("from", place);
    say(
        "read",
        format!("{}; skill {}, channel {}", read(row), row.skill.as_deref().unwrap_or("none"), row.channel.as_deref().unwrap_or("none")),
    );
    let names = ["strangers", "subscribers", "customers", "nobody"];
    say("shares", names.iter().zip(row.p).map(|(name, p)| format!("{name} {p:.2}")).collect::<Vec<_>>().join(", "));
    match &row.refusal_kind {
        Some(kind) => {
            say("refused", kind.clone());
            say("why", row.why.clone().unwrap_or_default());
            if let Some(unblock) = &row.unblock {
                say("unblock", unblock.clone());
            }
        }
        None => {
            for part in row.parts.as_array().into_iter().flatten() {
                let number = |key: &str| part[key].as_f64().unwrap_or(0.0);
                say(
                    "term",
                    format!(
                        "{}: {:.2} × {} people × {} = {}",
                        part["who"].as_str().unwrap_or_default(),
                        number("share"),
                        people(number("reach")),
                        worth(number("rate")),
                        worth(number("share") * number("reach") * number("rate"))
                    ),
                );
            }
            say(
                "value",
                format!(
                    "{} (reach {}, fit {})",
                    worth(row.value.unwrap_or(0.0)),
                    people(row.reach.unwrap_or(0.0)),
                    worth(row.fit.unwrap_or(0.0))
                ),
            );
        }
    }
    if let (Some(count), Some(source)) = (row.audience_count, &row.audience_source) {
        out.push_str(&format!("{:<10} {count} ({source})\n", "audience"));
    }
    out
}

fn times(memory: &Memory, run: RunId) -> Outcome<String> {
    let stages = memory.stages(run).or_fail()?;
    let mut out = String::from("\nWhere the time went:\n");
    for (name, micros) in stages {
        out.push_str(&format!("  {name:<10} {:>9.1} ms\n", micros as f64 / 1000.0));
    }
    Ok(out)
}
