//! `answers`: what came in, and what surveys say, from memory alone.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Args;
use reveille_memory::{AnswerRow, Memory, MemoryError, Question, Survey};
use reveille_skills::answers::survey::{Counted, SHOWN_FROM, counted, in_home};
use serde::Serialize;

use super::{print, print_json, ready};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::inbox::{shown_line, trouble};
use crate::numbers::many;
use crate::settings::Settings;

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

/// `answers --survey NAME --json`: a survey of each wording, the one of survey.toml first, then the newest.
#[derive(Debug, Serialize)]
struct Surveyed {
    schema: u32,
    name: String,
    shown_from: u64,
    surveys: Vec<Asked>,
    /// Why nobody can tell which wording is the current one.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Asked {
    /// Nothing before a letter has asked it.
    number: Option<u32>,
    /// When a letter first asked it.
    asked_since: Option<DateTime<Utc>>,
    /// Whether it stands so in survey.toml: letters ask this one.
    current: bool,
    questions: Vec<Counted>,
}

impl Asked {
    fn of(memory: &Memory, survey: &Survey, now: Option<&[Question]>) -> Outcome<Self> {
        let (current, questions) = (now == Some(&survey.questions[..]), counted(memory, survey).or_fail()?);
        Ok(Self { number: Some(survey.number), asked_since: Some(survey.kept_at), current, questions })
    }

    /// A wording that no letter has asked yet.
    fn not_yet(questions: Vec<Question>) -> Self {
        let counted = |one: Question| Counted { ask: one.ask, choices: one.choices.into_iter().map(|choice| (choice, None)).collect() };
        Self { number: None, asked_since: None, current: true, questions: questions.into_iter().map(counted).collect() }
    }
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
    /// Without settings that can be read it shows all the same.
    pub(super) fn run(self, home: Home, environment: &Environment) -> Outcome<ExitCode> {
        let memory = match Memory::open_read_only(&home.database()) {
            Ok(memory) => Some(memory),
            Err(MemoryError::Missing { .. }) => None,
            Err(error) => return Err(error).or_fail(),
        };
        match &self.survey {
            Some(name) => self.surveyed(&home, memory.as_ref(), name)?,
            None => self.listed(memory.as_ref(), ready(home, environment).ok().map(|ready| ready.settings).as_ref())?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn listed(&self, memory: Option<&Memory>, settings: Option<&Settings>) -> Outcome {
        let rows = memory.map_or(Ok(vec![]), |memory| memory.answers(self.most)).or_fail()?;
        let (all, _) = memory.map_or(Ok((0, 0)), |memory| memory.answer_counts(None)).or_fail()?;
        let others = memory.map_or(Ok(vec![]), Memory::no_answers).or_fail()?;
        let others: Vec<Others> =
            others.into_iter().map(|(channel, kind, count)| Others { channel, kind: kind.to_string(), count }).collect();
        let trouble = memory.map_or(Ok(vec![]), |memory| trouble(memory, settings))?;
        if self.json {
            let answers = rows.into_iter().map(Answer::from).collect();
            return print_json(&Listed { schema: 1, all, answers, others, trouble });
        }
        let mut out = match (all, settings) {
            (0, Some(Settings { answers: None, .. })) => {
                "No answers: wakes fetch them with a line [answers] in reveille.toml, see docs/site.md\n".to_owned()
            }
            (0, _) => "No answers yet: each wake fetches what came in\n".to_owned(),
            _ => format!("{}\n\n", many(u64::from(all), "answer")),
        };
        rows.iter().for_each(|row| out.push_str(&shown_line(row)));
        for other in others {
            out.push_str(&format!("counted only: {} {} on {}\n", other.count, other.kind, other.channel));
        }
        trouble.iter().for_each(|line| out.push_str(&format!("not fetched: {line}\n")));
        print(&out)
    }

    fn surveyed(&self, home: &Home, memory: Option<&Memory>, name: &str) -> Outcome {
        let (now, wrong) = match in_home(home.root()) {
            Ok(now) => (now, None),
            Err(wrong) => (None, Some(wrong)),
        };
        let known = memory.map_or(Ok(vec![]), Memory::surveys).or_fail()?;
        let current = now.as_ref().filter(|(asked, _)| asked == name).map(|(_, questions)| questions.as_slice());
        let mut surveys = Vec::new();
        if let Some(memory) = memory {
            for survey in known.iter().rev().filter(|survey| survey.name == name) {
                surveys.push(Asked::of(memory, survey, current)?);
            }
        }
        if let Some(questions) = current.filter(|_| !surveys.iter().any(|asked| asked.current)) {
            surveys.insert(0, Asked::not_yet(questions.to_vec()));
        }
        surveys.sort_by_key(|asked| !asked.current);
        if surveys.is_empty() {
            let mut names: Vec<&str> = known.iter().map(|survey| survey.name.as_str()).collect();
            names.extend(now.iter().map(|(name, _)| name.as_str()));
            names.sort_unstable();
            names.dedup();
            if let Some(wrong) = wrong {
                let hint = wrong.hint().unwrap_or_else(|| "docs/site.md shows one".to_owned());
                return Err(Failure::new(Kind::Settings, wrong).hint(hint));
            }
            let hint = match names.as_slice() {
                [] => "write one into survey.toml, see docs/site.md".to_owned(),
                names => format!("known: {}", names.join(", ")),
            };
            return Err(Failure::message(Kind::Usage, format!("there is no survey `{name}`")).hint(hint));
        }
        let problem = wrong.map(|wrong| wrong.to_string() + &wrong.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default());
        let surveyed = Surveyed { schema: 1, name: name.to_owned(), shown_from: SHOWN_FROM, surveys, problem };
        if self.json { print_json(&surveyed) } else { print(&shown(&surveyed)) }
    }
}

/// The wordings, each by itself.
fn shown(surveyed: &Surveyed) -> String {
    let mut out = String::new();
    for asked in &surveyed.surveys {
        let since = asked.asked_since.map(|at| at.format("first asked on %Y-%m-%d").to_string());
        let since =
            since.unwrap_or_else(|| format!("no letter has asked it yet (one does whose front matter says `survey: {}`)", surveyed.name));
        let which = match (&surveyed.problem, asked.current) {
            (None, true) => ", as it stands in survey.toml",
            (None, false) => ", in earlier words",
            (Some(_), _) => "",
        };
        out.push_str(&format!("{}{which}: {since}\n", surveyed.name));
        for question in &asked.questions {
            out.push_str(&format!("  {}\n", question.ask));
            for (choice, people) in &question.choices {
                let people = match (people, asked.asked_since) {
                    (Some(people), _) => format!(": {people}"),
                    (None, Some(_)) => ": too few to show".to_owned(),
                    (None, None) => String::new(),
                };
                out.push_str(&format!("    {choice}{people}\n"));
            }
        }
        out.push('\n');
    }
    if surveyed.surveys.iter().any(|asked| asked.asked_since.is_some()) {
        out.push_str(&format!("(what fewer than {SHOWN_FROM} people chose is not shown)\n"));
    }
    if let Some(problem) = &surveyed.problem {
        out.push_str(&format!("No letter can ask it now: {problem}\n"));
    }
    out
}
