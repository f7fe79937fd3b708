//! `answers`: what came in, and what surveys say, from memory alone.

use std::process::ExitCode;

use clap::Args;
use reveille_memory::{AnswerRow, Memory, MemoryError};
use reveille_skills::answers::survey::{Counted, SHOWN_FROM, counted};
use serde::Serialize;

use super::{print, print_json};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::inbox::{Troubles, shown_line};

/// Show the answers that came in, the newest first, or what a survey says
///
/// They are data: no wake acts on them. Answer them yourself, where they came from; the texts are in inbox/.
#[derive(Debug, Args)]
pub(crate) struct Answers {
    /// How many answers
    #[arg(short = 'n', long, default_value_t = 20)]
    most: u32,
    /// What came of the survey with this name, as counts
    #[arg(long, value_name = "NAME")]
    survey: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// `answers --json`.
#[derive(Debug, Serialize)]
struct Listed {
    schema: u32,
    all: u32,
    answers: Vec<Answer>,
    /// What came in and is no answer: automatic replies, bounces, our own mails.
    others: Vec<Others>,
    /// Sources that can't be read now.
    trouble: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    channel: String,
    kind: String,
    from: String,
    at: chrono::DateTime<chrono::Utc>,
    place: String,
    issue: Option<String>,
    excerpt: String,
    file: String,
}

#[derive(Debug, Serialize)]
struct Others {
    channel: String,
    kind: String,
    count: u32,
}

/// `answers --survey NAME --json`: a survey of each wording.
#[derive(Debug, Serialize)]
struct Surveyed {
    schema: u32,
    name: String,
    shown_from: u64,
    surveys: Vec<Asked>,
}

#[derive(Debug, Serialize)]
struct Asked {
    number: u32,
    questions: Vec<Counted>,
}

impl From<AnswerRow> for Answer {
    fn from(row: AnswerRow) -> Self {
        Self {
            channel: row.channel,
            kind: row.kind.to_string(),
            from: row.sender,
            at: row.at,
            place: row.place,
            issue: Some(row.issue).filter(|issue| !issue.is_empty()),
            excerpt: row.excerpt,
            file: row.file,
        }
    }
}

impl Answers {
    pub(super) fn run(self, home: &Home) -> Outcome<ExitCode> {
        let memory = match Memory::open_read_only(&home.database()) {
            Ok(memory) => memory,
            Err(MemoryError::Missing { .. }) => {
                return Err(Failure::message(Kind::Failed, "nothing came in yet").hint("`reveille wake` fetches answers, see docs/site.md"));
            }
            Err(error) => return Err(error).or_fail(),
        };
        match &self.survey {
            Some(name) => self.surveyed(&memory, name)?,
            None => self.listed(&memory)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn listed(&self, memory: &Memory) -> Outcome {
        let rows = memory.answers(self.most).or_fail()?;
        let (all, _) = memory.answer_counts(None).or_fail()?;
        let others = memory.no_answers().or_fail()?;
        let others: Vec<Others> =
            others.into_iter().map(|(channel, kind, count)| Others { channel, kind: kind.to_string(), count }).collect();
        let trouble = Troubles::read(memory)?.lines();
        if self.json {
            let answers = rows.into_iter().map(Answer::from).collect();
            return print_json(&Listed { schema: 1, all, answers, others, trouble });
        }
        let mut out = format!("{all} answers\n\n");
        rows.iter().for_each(|row| out.push_str(&shown_line(row)));
        for other in others {
            out.push_str(&format!("counted only: {} {} on {}\n", other.count, other.kind, other.channel));
        }
        trouble.iter().for_each(|line| out.push_str(&format!("not fetched: {line}\n")));
        print(&out)
    }

    fn surveyed(&self, memory: &Memory, name: &str) -> Outcome {
        let known = memory.surveys().or_fail()?;
        let one = |survey: &reveille_memory::Survey| Ok(Asked { number: survey.number, questions: counted(memory, survey).or_fail()? });
        let surveys: Vec<Asked> = known.iter().filter(|survey| survey.name == name).map(one).collect::<Outcome<_>>()?;
        if surveys.is_empty() {
            let mut names: Vec<&str> = known.iter().map(|survey| survey.name.as_str()).collect();
            names.dedup();
            let hint =
                if names.is_empty() { "survey.toml asks one, see docs/site.md".to_owned() } else { format!("known: {}", names.join(", ")) };
            return Err(Failure::message(Kind::Usage, format!("there is no survey `{name}`")).hint(hint));
        }
        if self.json {
            return print_json(&Surveyed { schema: 1, name: name.to_owned(), shown_from: SHOWN_FROM, surveys });
        }
        let mut out = String::new();
        for question in surveys.iter().flat_map(|survey| &survey.questions) {
            out.push_str(&format!("{}\n", question.ask));
            for (choice, people) in &question.choices {
                let people = people.map_or_else(|| "too few to show".to_owned(), |people| people.to_string());
                out.push_str(&format!("  {choice}: {people}\n"));
            }
        }
        out.push_str(&format!("(what fewer than {SHOWN_FROM} people chose is not shown)\n"));
        print(&out)
    }
}
