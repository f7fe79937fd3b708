//! From files to a decision: load, observe, propose, read, review, score, choose. Changes nothing but remembered readings.

use std::collections::{BTreeSet, HashMap, HashSet};

use reveille_memory::Memory;
use reveille_mission::{
    Ask, Case, Channel, Decision, Diagnostic, Fact, FactKey, FactValue, Facts, GoalUnit, Issue, Label, Mission, Need, NeedState, Offer,
    Past, Progress, Reading, Review, Shelf, Skill, Source, Stage, Subject, Task, TaskId, Verdict, Who, asks, choose, identify, read,
    review, score,
};
use reveille_models::Reader;
use reveille_skills::offer::{View, offer, propose, propose_measuring};
use reveille_skills::readers::Counts;
use reveille_skills::retain::released;
use reveille_skills::shelf::WinBack;

use crate::credential;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::fault::{Faults, Moment};
use crate::learn;
use crate::ledger::Ledger;
use crate::letter;
use crate::measuring;
use crate::observe::{self, Scene};
use crate::past::past;
use crate::readings::{self, Bounds, Readings};
use crate::rendering;
use crate::retain;
use crate::sheet::{self, Candidate, Sheet, Wanted};
use crate::stages::Stages;

/// A problem in a file of the home.
pub(crate) struct FileProblem {
    pub(crate) path: String,
    pub(crate) diagnostic: Diagnostic,
}

/// What the human wrote, as values.
pub(crate) struct Loaded {
    pub(crate) mission: Mission,
    pub(crate) progress: Progress,
    pub(crate) shelf: Shelf,
    /// The author's letters to silent readers.
    pub(crate) win_backs: Vec<WinBack>,
    pub(crate) problems: Vec<FileProblem>,
}

/// Reads MISSION.md, PROGRESS.md and the shelf.
pub(crate) fn load(scene: &Scene<'_>) -> Outcome<Loaded> {
    let home = scene.home;
    let mission = match std::fs::read(home.mission()) {
        Ok(bytes) => Mission::parse(&String::from_utf8_lossy(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::message(Kind::Failed, format!("there is no {}", home.mission().display()))
                .hint("write what you are trying to do; `reveille init` writes a first one without touching what is there"));
        }
        Err(error) => return Err(Failure::message(Kind::Failed, format!("failed to read {}: {error}", home.mission().display()))),
    };
    let progress = read_progress(scene)?;
    let loaded = reveille_skills::shelf::load(home.root()).or_fail()?.as_of(scene.now.date_naive());
    let place = |path: &str, diagnostics: &[Diagnostic]| -> Vec<FileProblem> {
        diagnostics.iter().map(|diagnostic| FileProblem { path: path.to_owned(), diagnostic: diagnostic.clone() }).collect()
    };
    let mut problems = place("mission/MISSION.md", &mission.diagnostics);
    problems.extend(place("PROGRESS.md", &progress.diagnostics));
    problems.extend(loaded.diagnostics.into_iter().map(|found| FileProblem { path: found.path, diagnostic: found.diagnostic }));
    problems.extend(crate::experiments::problems(home));
    Ok(Loaded { mission, progress, shelf: loaded.shelf, win_backs: loaded.win_backs, problems })
}

/// Reads PROGRESS.md; a home without one has an empty list.
pub(crate) fn read_progress(scene: &Scene<'_>) -> Outcome<Progress> {
    let path = scene.home.progress();
    let bytes = crate::record::read(&path, scene.environment)?;
    Progress::parse(bytes).map_err(|error| {
        Failure::message(Kind::Failed, format!("{}: {error}", path.display())).hint("nothing was changed; is it the right file?")
    })
}

/// What to do without, and what to take for granted.
#[derive(Default)]
pub(crate) struct Manner {
    pub(crate) assumed: Vec<(String, String)>,
    pub(crate) no_model: bool,
    /// It is a wake, not a plan: what has to wait for the end of the quiet hours is not chosen.
    pub(crate) waking: bool,
    /// Where a test hits it.
    pub(crate) faults: Faults,
}

/// Everything that a decision was made from.
pub(crate) struct Deliberation {
    pub(crate) loaded: Loaded,
    pub(crate) facts: Facts,
    /// Nothing when the list can't be read.
    pub(crate) readers: Option<Counts>,
    pub(crate) readings: Readings,
    /// What the human of this home said of lines, as the reader was given it.
    pub(crate) labels: Vec<Label>,
    pub(crate) cases: Vec<Case>,
    /// What has gone out.
    pub(crate) ledger: Ledger,
    pub(crate) unit: GoalUnit,
    /// Ids with the words they go by, to be remembered.
    pub(crate) identities: Vec<(TaskId, String)>,
}

/// Goes through the stages up to the cases; deciding them is [`Deliberation::decide`].
pub(crate) fn deliberate(
    scene: &Scene<'_>,
    mut memory: Option<&mut Memory>,
    manner: &Manner,
    stages: &mut Stages,
) -> Outcome<Deliberation> {
    let loaded = stages.run("load", || load(scene))?;
    manner.faults.reach(Moment::AfterLoad);
    let ledger = stages.run("ledger", || Ledger::read(memory.as_deref(), scene.now))?;
    let (mut facts, readers) = stages.run("observe", || observe::facts(scene, &loaded.shelf, memory.as_deref(), &manner.assumed))?;
    retain::needs(scene, memory.as_deref(), &mut facts, &loaded.win_backs)?;
    let configured = scene.settings.configured();
    let told = |issue: &str, channel: Channel| ledger.told(issue, channel);
    let view = View { shelf: &loaded.shelf, configured: &configured, told: &told };
    let (tasks, identities) = stages.run("propose", || {
        let remembered = memory.as_deref().map(remembered_ids).transpose()?.unwrap_or_default();
        let mut proposals = propose(&view, scene.now.date_naive());
        if !measuring::due(scene, memory.as_deref(), &facts)?.is_empty() {
            proposals.push(propose_measuring());
        }
        proposals.extend(retain::proposals(scene, &facts, &loaded.win_backs, &ledger));
        proposals.extend(rendering::stopped(scene, &ledger.tried));
        Ok(tasks(&loaded.progress, &remembered, proposals))
    })?;
    let brake = stages.brake();
    let labels = learn::labels(memory.as_deref())?;
    let reached = || manner.faults.reach(Moment::AfterReading);
    let bounds = Bounds { caps: &scene.settings.caps, taken: stages.read, stop: &brake, reached: &reached };
    let readings = stages.run("read", || match manner.no_model {
        true => Ok(Readings::default()),
        false => readings::read(&tasks, memory.as_deref_mut(), open_reader(scene, &labels), scene.now, &bounds),
    })?;
    stages.read = readings.taken;
    stages.check()?;
    let cases = stages.run("review", || {
        let mut cases = cases(scene, tasks, &readings, &view, &loaded.win_backs, &ledger, manner.waking);
        if readers.is_none() {
            cases.iter_mut().for_each(wait_for_readers);
        } else {
            letter::count(scene, memory.as_deref(), &loaded.shelf, &cases, &mut facts)?;
        }
        let asked: BTreeSet<Need> = cases.iter().flat_map(needs_of).collect();
        let approved = |digest: &str| ledger.approved(digest);
        observe::needs(scene, &mut facts, &loaded.progress, &loaded.shelf, &asked, &approved, &told);
        Ok(cases)
    })?;
    let unit = loaded.mission.unit();
    Ok(Deliberation { loaded, facts, readers, readings, labels, cases, ledger, unit, identities })
}

/// What counts or mails readers needs a list that can be read.
fn wait_for_readers(case: &mut Case) {
    let about_readers = matches!(case.reading.who, Some(Who::Subscribers | Who::Customers)) || case.reading.channel == Some(Channel::Email);
    if let Offer::Can { needs } = &mut case.offer
        && about_readers
    {
        needs.insert(0, Need::Readers);
    }
}

fn open_reader(scene: &Scene<'_>, labels: &[Label]) -> Outcome<Reader> {
    readings::open(scene.settings, scene.home, scene.environment, learn::home_lines(labels))
}

fn remembered_ids(memory: &Memory) -> Outcome<Vec<(TaskId, String)>> {
    Ok(memory.remembered_tasks().or_fail()?.into_iter().map(|(id, words)| (TaskId::stored(id), words)).collect())
}

/// The human's open items and what skills propose; a proposal that a line asks for already is left out later.
fn tasks(progress: &Progress, remembered: &[(TaskId, String)], proposals: Vec<Task>) -> (Vec<Task>, Vec<(TaskId, String)>) {
    // All items take part in identity, so that a ticked one keeps its id from an equal open one.
    let texts: Vec<&str> = progress.items.iter().map(reveille_mission::Item::text).collect();
    let ids = identify(&texts, remembered);
    let identities = ids.iter().cloned().zip(texts.iter().map(|text| reveille_mission::folded(text))).collect();
    let mut tasks: Vec<Task> = progress
        .items
        .iter()
        .zip(ids)
        .filter(|(item, _)| item.state == reveille_mission::ItemState::Open)
        .map(|(item, id)| Task {
            id,
            text: item.text().to_owned(),
            tags: item.tagged.tags.clone(),
            source: Source::Progress { line: item.line },
            problems: item.tagged.problems.iter().map(|problem| format!("{}: {}", problem.message, problem.hint)).collect(),
            content: String::new(),
        })
        .collect();
    tasks.extend(proposals);
    (tasks, identities)
}

fn cases(
    scene: &Scene<'_>,
    tasks: Vec<Task>,
    readings: &Readings,
    view: &View<'_>,
    win_backs: &[WinBack],
    ledger: &Ledger,
    waking: bool,
) -> Vec<Case> {
    let mut wanted: HashSet<(Option<Skill>, Option<Channel>, Subject)> = HashSet::new();
    let mut retained: HashSet<u16> = HashSet::new();
    let mut contents: HashMap<(String, Option<Skill>, Option<Channel>), String> = HashMap::new();
    let mut cases = Vec::with_capacity(tasks.len());
    for mut task in tasks {
        let reading = read(&task, readings.of(&task.text), readings.grey, view.shelf, scene.now.date_naive());
        let meant = (reading.skill, reading.channel, reading.subject.clone());
        let stage = retain::stage_of(reading.skill, reading.channel, &task.text);
        match task.source {
            Source::Skill(_) if stage.is_some_and(|stage| retained.contains(&stage)) => continue,
            Source::Progress { .. } if reading.who == Some(Who::Subscribers) => retained.extend(stage),
            _ => {}
        }
        match task.source {
            Source::Progress { .. } if matches!(reading.subject, Subject::One(_)) => {
                wanted.insert(meant);
            }
            // The human's own line stands for it.
            Source::Skill(_) if wanted.contains(&meant) => continue,
            _ => {}
        }
        if let Subject::One(id) = &reading.subject
            && let Some(issue) = view.shelf.by_id(id)
        {
            // Many lines may be about one issue: its file is read once.
            let what = (id.clone(), reading.skill, reading.channel);
            let digest = || content_digest(scene, issue, &reading).unwrap_or_default();
            task.content = contents.entry(what).or_insert_with(digest).clone();
        }
        if let Some(letter) = stage.and_then(|stage| released(win_backs, stage, scene.now.date_naive())) {
            task.content.clone_from(&letter.digest);
        }
        let offer = with_approval(scene, &task, &reading, view.shelf, offer(&task, &reading, view));
        let past = past(scene, &task, &reading, view.shelf, ledger, waking);
        cases.push(Case { task, reading, offer, past });
    }
    cases
}

/// What waits for a human's word on exactly this line and this content: skills and channels under `[approve]`, and a draft that
/// the author has not released when the line is no exact order, or names it in other words than its number or title.
fn with_approval(scene: &Scene<'_>, task: &Task, reading: &Reading, shelf: &Shelf, offer: Offer) -> Offer {
    let approve = &scene.settings.approve;
    let set = reading.skill.is_some_and(|skill| approve.skills.contains(&skill))
        || reading.channel.is_some_and(|channel| approve.channels.contains(&channel));
    let unreleased = match &reading.subject {
        Subject::One(id) => shelf.by_id(id).is_some_and(|issue| issue.stage == Stage::Draft),
        _ => false,
    };
    match (offer, &reading.subject) {
        (Offer::Can { mut needs }, _) if set && reading.skill == Some(Skill::Retain) => {
            needs.push(Need::Approval(task.digest()));
            Offer::Can { needs }
        }
        (Offer::Can { mut needs }, Subject::One(_)) if set || (unreleased && !(task.is_order() && reading.exact)) => {
            needs.push(Need::Approval(task.digest()));
            Offer::Can { needs }
        }
        (offer, _) => offer,
    }
}

/// Whether what a task is about still is what was decided on.
pub(crate) fn is_unchanged(scene: &Scene<'_>, task: &Task, reading: &Reading, issue: Option<&Issue>) -> bool {
    issue.is_none_or(|issue| content_digest(scene, issue, reading).unwrap_or_default() == task.content)
}

/// The digest of what would go out: the file's bytes, the skill and the channel, and the picture where one goes with it.
fn content_digest(scene: &Scene<'_>, issue: &Issue, reading: &Reading) -> Option<String> {
    use sha2::{Digest, Sha256};
    let bytes = std::fs::read(scene.home.inside(&issue.path)?).ok()?;
    let what = format!("{:?} {:?}\n", reading.skill, reading.channel);
    let mut digest = Sha256::new().chain_update(what).chain_update(bytes);
    if matches!(reading.channel, Some(Channel::Mastodon | Channel::Bluesky))
        && let Ok(Some(picture)) = reveille_skills::distribute::picture(scene.home.root(), issue)
    {
        digest.update(picture.bytes);
    }
    let digest = digest.finalize();
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn needs_of(case: &Case) -> Vec<Need> {
    let mut needs = match &case.offer {
        Offer::Can { needs } => needs.clone(),
        Offer::HumanOnly { .. } => vec![],
    };
    for need in &case.task.tags.needs {
        needs.push(if *need == Need::Human { Need::Approval(case.task.digest()) } else { need.clone() });
    }
    needs
}

impl Deliberation {
    /// The digests that need the human's yes before this task may be done.
    pub(crate) fn approvals(&self, id: &TaskId) -> Vec<String> {
        let needs = self.cases.iter().filter(|case| case.task.id == *id).flat_map(needs_of);
        needs.filter_map(|need| if let Need::Approval(digest) = need { Some(digest) } else { None }).collect()
    }

    /// Looks anew at the credential that a task needs; whether the server has refused it.
    pub(crate) fn look_at_credential(&mut self, scene: &Scene<'_>, memory: &Memory, id: &TaskId) -> Outcome<bool> {
        let Some(channel) = self.cases.iter().find(|case| case.task.id == *id).and_then(|case| case.reading.channel) else {
            return Ok(false);
        };
        let Some(credential::Standing::Refused { source, words }) = credential::standing(scene, Some(memory), channel)? else {
            return Ok(false);
        };
        self.facts
            .set(FactKey::Ready(channel), Fact { value: FactValue::Bool(false), source: words.clone(), measured_at: Some(scene.now) });
        let state = NeedState::Unmet { why: words, unblock: credential::unblock(channel, &source) };
        self.facts.set_need(Need::Credential(channel), state);
        Ok(true)
    }

    /// Counts anew whom letters reach: readers choose and leave while a wake runs.
    pub(crate) fn count_readers(&mut self, scene: &Scene<'_>, memory: &Memory) -> Outcome {
        retain::observe(scene, memory, &mut self.facts)?;
        letter::count(scene, Some(memory), &self.loaded.shelf, &self.cases, &mut self.facts)
    }

    /// Sets a task aside that failed just now, so that the next best has its turn. One that is stopped is asked about at once.
    pub(crate) fn set_aside(&mut self, id: &TaskId, why: &str, now: chrono::DateTime<chrono::Utc>, past: Option<Past>) {
        let past = match past {
            Some(stopped @ Past::Stopped { .. }) => stopped,
            _ => Past::CoolingDown { until: now, why: format!("it failed in this wake: {why}") },
        };
        for case in self.cases.iter_mut().filter(|case| case.task.id == *id) {
            case.past = past.clone();
        }
    }

    /// Reviews, scores and chooses; the decision borrows the cases.
    pub(crate) fn decide(&self, scene: &Scene<'_>) -> (Sheet, Decision<'_>, Vec<Ask>) {
        let settings = scene.settings;
        let by = Review { facts: &self.facts, priors: &settings.priors, experiments: settings.experiments };
        let mut scored = Vec::new();
        let mut refused = Vec::new();
        let mut candidates = Vec::with_capacity(self.cases.len());
        for case in &self.cases {
            match review(case, by) {
                Verdict::Eligible(eligible) => {
                    let one = score(eligible, &self.facts, self.unit, &scene.settings.priors);
                    candidates.push(Candidate::eligible(case, &one));
                    scored.push(one);
                }
                Verdict::Refused(refusal) => {
                    candidates.push(Candidate::refused(case, &refusal));
                    refused.push((case, refusal));
                }
            }
        }
        let asks = asks(refused.iter().map(|(case, refusal)| (*case, refusal)), by, self.unit);
        let decision = choose(scored, asks.clone());
        let (outcome, pick) = match &decision {
            Decision::Act(action) => (sheet::Outcome::Act, Some(action.chosen().eligible().task().id.to_string())),
            Decision::Ask(_) => (sheet::Outcome::Ask, None),
            Decision::Rest => (sheet::Outcome::Rest, None),
        };
        let needs_you = asks.iter().map(Wanted::of).collect();
        let sheet = Sheet { schema: 1, now: scene.now, outcome, pick, candidates, needs_you };
        (sheet, decision, asks)
    }
}
