//! segments.toml: the rules by which readers are told apart by what they click, kept by the home under a version.
//!
//! Must stay true: rules that are not understood whole are not used at all, and each fault is said with its line; nothing here names a
//! person, and no group that is too small has a number.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use chrono::DateTime;
use reveille_memory::{Memory, SignKind};
use reveille_mission::{COHORT_RULES, COHORTS, Cohort, Diagnostic, People, Shelf, UNCLASSIFIED, cohort_of, nearest, shown_cohorts};
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::settings::{first_line, place};

/// The file, in the home.
pub(crate) const FILE: &str = "segments.toml";
/// The share of clicks that a rule asks for where nothing else is said: half of what somebody reads.
const SHARE: f64 = 0.5;

#[derive(Debug, Deserialize)]
struct Rules {
    version: Spanned<u32>,
    #[serde(default)]
    cohort: Vec<Spanned<Rule>>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    name: String,
    tags: Vec<String>,
    #[serde(default = "usual_share")]
    share: f64,
}

fn usual_share() -> f64 {
    SHARE
}

/// Reads the rules; every fault has its line.
pub(crate) fn parse(text: &str) -> Result<Vec<Cohort>, Vec<Diagnostic>> {
    let at = |start: usize, message: String, hint: String| {
        let (line, column) = place(text, start);
        Diagnostic::error(line, column, message, hint)
    };
    let table = DeTable::parse(text).map_err(|error| {
        vec![at(error.span().map_or(0, |span| span.start), first_line(error.message()), "this line is no TOML".to_owned())]
    })?;
    let mut faults = unknown_keys(table.get_ref(), &at);
    if !faults.is_empty() {
        return Err(faults);
    }
    let rules: Rules = toml::from_str(text).map_err(|error| {
        let hint = "`version = 1`, then up to four `[[cohort]]` with `name`, `tags = [\"…\"]` and `share = 0.5`".to_owned();
        vec![at(error.span().map_or(0, |span| span.start), first_line(error.message()), hint)]
    })?;
    if *rules.version.get_ref() != COHORT_RULES {
        let message = format!("rules of version {}, and this program knows version {COHORT_RULES}", rules.version.get_ref());
        faults.push(at(rules.version.span().start, message, "take a newer program, or write them as version 1".to_owned()));
    }
    let mut names = HashSet::from([UNCLASSIFIED.to_owned()]);
    for (nth, rule) in rules.cohort.iter().enumerate() {
        let Rule { name, tags, share } = rule.get_ref();
        let fault = if nth >= COHORTS {
            Some((format!("a cohort more than {COHORTS}"), "take one away: each would be too small to say anything"))
        } else if name.trim().is_empty() || !names.insert(name.trim().to_lowercase()) {
            Some((format!("the name `{name}` is empty or taken"), "give each cohort a name of its own; `unclassified` are all others"))
        } else if tags.iter().all(|tag| tag.trim().is_empty()) {
            Some((format!("`{name}` has no tags"), "name tags of issues: `tags = [\"…\"]`"))
        } else if !(*share > 0.0 && *share <= 1.0) {
            Some((format!("`share` of `{name}` is above 0 and at most 1"), "0.5 is half of their clicks"))
        } else {
            None
        };
        faults.extend(fault.map(|(message, hint)| at(rule.span().start, message, hint.to_owned())));
    }
    let cohort = |rule: Spanned<Rule>| {
        let Rule { name, tags, share } = rule.into_inner();
        Cohort { name: name.trim().to_owned(), tags: tags.iter().map(|tag| tag.trim().to_owned()).collect(), share }
    };
    if faults.is_empty() { Ok(rules.cohort.into_iter().map(cohort).collect()) } else { Err(faults) }
}

/// Keys that nobody knows, each with the nearest right name.
fn unknown_keys(table: &DeTable<'_>, at: &dyn Fn(usize, String, String) -> Diagnostic) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut look = |table: &DeTable<'_>, known: &[&str], place: &str| {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let hint = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let hint = hint.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            found.push(at(key.span().start, format!("unknown key `{name}`{place}"), hint));
        }
    };
    look(table, &["version", "cohort"], "");
    let cohorts = table.iter().filter(|(key, _)| key.get_ref() == "cohort").filter_map(|(_, value)| value.get_ref().as_array());
    for value in cohorts.flatten() {
        if let DeValue::Table(cohort) = value.get_ref() {
            look(cohort, &["name", "tags", "share"], " in [[cohort]]");
        }
    }
    found
}

/// The rules of a home; nothing where it has none.
pub(crate) fn load(home: &Home) -> Outcome<Option<Vec<Cohort>>> {
    let path = home.root().join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::message(Kind::Settings, format!("failed to read {}: {error}", path.display()))),
    };
    parse(&text).map(Some).map_err(|faults| {
        let said: Vec<String> = faults.iter().map(|fault| format!("{FILE}:{fault}")).collect();
        Failure::message(Kind::Settings, said.join("\n")).hint("docs/site.md says what may stand there")
    })
}

/// The cohorts with their people as they may be shown, of everybody in `readers`.
pub(crate) fn cohorts<'c>(
    rules: &'c [Cohort],
    memory: &Memory,
    shelf: &Shelf,
    readers: &HashSet<String>,
) -> Outcome<Vec<(&'c str, People)>> {
    let tags: HashMap<&str, &[String]> = shelf.published().map(|issue| (issue.id.as_str(), issue.tags.as_slice())).collect();
    let mut clicks: HashMap<String, Vec<&[String]>> = HashMap::new();
    let signs = memory.signs_since(DateTime::UNIX_EPOCH).or_fail()?;
    for sign in signs.into_iter().filter(|sign| sign.kind == SignKind::Click && readers.contains(&sign.subscriber)) {
        if let Some(tags) = tags.get(sign.about.as_str()) {
            clicks.entry(sign.subscriber).or_default().push(tags);
        }
    }
    let mut people: BTreeMap<&str, u64> = BTreeMap::new();
    for reader in readers {
        let cohort = clicks.get(reader).and_then(|clicks| cohort_of(rules, clicks));
        *people.entry(cohort.map_or(UNCLASSIFIED, |cohort| cohort.name.as_str())).or_default() += 1;
    }
    Ok(shown_cohorts(rules, &people))
}

/// Rules to begin with: one for each of the tags that most issues have.
pub(crate) fn first(shelf: &Shelf) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    shelf.published().flat_map(|issue| &issue.tags).for_each(|tag| *counts.entry(tag).or_default() += 1);
    let mut tags: Vec<(&str, usize)> = counts.into_iter().filter(|(tag, _)| !tag.eq_ignore_ascii_case(UNCLASSIFIED)).collect();
    tags.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    let mut text = format!(
        "# Readers by what they click. A reader belongs to the first cohort to whose tags at least `share` of their clicks go;\n\
         # the others are unclassified. Of fewer than 20 people no number is shown.\nversion = {COHORT_RULES}\n"
    );
    for (tag, _) in tags.into_iter().take(COHORTS) {
        let tag = toml::Value::String(tag.to_owned());
        text.push_str(&format!("\n[[cohort]]\nname = {tag}\ntags = [{tag}]\nshare = {SHARE}\n"));
    }
    text
}

/// Writes the first rules; a file that is there stays.
pub(crate) fn write(home: &Home, shelf: &Shelf) -> Outcome<PathBuf> {
    let path = home.root().join(FILE);
    let failed = |error: std::io::Error| {
        Failure::message(Kind::Failed, format!("failed to write {}: {error}", path.display()))
            .hint("a file that is there already stays as it is")
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, first(shelf).as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        parse(text).err().into_iter().flatten().map(|fault| fault.to_string()).collect()
    }

    #[test]
    fn rules_are_understood_whole_or_refused() {
        let four = "version = 1\n".to_owned()
            + &["a", "b", "c", "d"].map(|name| format!("[[cohort]]\nname = \"{name}\"\ntags = [\"{name}\"]\n")).concat();
        assert_eq!(parse(&four).map(|rules| (rules.len(), rules[0].share)), Ok((4, 0.5)));
        for (text, expected) in [
            (
                four.clone() + "[[cohort]]\nname = \"e\"\ntags = [\"e\"]\n",
                "14:1: a cohort more than 4 (hint: take one away: each would be too small to say anything)",
            ),
            (
                "version = 2\n".to_owned(),
                "1:11: rules of version 2, and this program knows version 1 (hint: take a newer program, or write them as version 1)",
            ),
            ("version = 1\ncohorts = []\n".to_owned(), "2:1: unknown key `cohorts` (hint: did you mean `cohort`?)"),
            (
                "version = 1\n[[cohort]]\nname = \"a\"\ntag = [\"a\"]\n".to_owned(),
                "4:1: unknown key `tag` in [[cohort]] (hint: did you mean `tags`?)",
            ),
            (
                "version = 1\n[[cohort]]\nname = \"Unclassified\"\ntags = [\"a\"]\n".to_owned(),
                "2:1: the name `Unclassified` is empty or taken (hint: give each cohort a name of its own; `unclassified` are all others)",
            ),
            (
                "version = 1\n[[cohort]]\nname = \"a\"\ntags = []\n".to_owned(),
                "2:1: `a` has no tags (hint: name tags of issues: `tags = [\"…\"]`)",
            ),
            (
                "version = 1\n[[cohort]]\nname = \"a\"\ntags = [\"a\"]\nshare = 1.5\n".to_owned(),
                "2:1: `share` of `a` is above 0 and at most 1 (hint: 0.5 is half of their clicks)",
            ),
            (
                "version = 1\n[[cohort]]\nname = \"a\"\ntags = [\"a\"]\nshare = nan\n".to_owned(),
                "2:1: `share` of `a` is above 0 and at most 1 (hint: 0.5 is half of their clicks)",
            ),
            ("version\n".to_owned(), "1:8: key with no value, expected `=` (hint: this line is no TOML)"),
        ] {
            assert_eq!(said(&text), [expected], "{text}");
        }
        assert_eq!(said("").len(), 1, "without a version nobody knows what it means");
    }

    #[test]
    fn the_first_rules_are_rules() {
        let issue = |tags: &[&str]| reveille_mission::Issue {
            id: String::new(),
            number: None,
            title: String::new(),
            slug: String::new(),
            date: None,
            summary: None,
            hooks: vec![],
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            mail: false,
            thread: false,
            stage: reveille_mission::Stage::Published,
            path: String::new(),
        };
        let shelf = Shelf { issues: vec![issue(&["sea", "a \"b\""]), issue(&["sea", "fog", "x", "y"]), issue(&["fog", "unclassified"])] };
        let rules = parse(&first(&shelf)).expect("rules");
        assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["fog", "sea", "a \"b\"", "x"]);
        assert_eq!(parse(&first(&Shelf::default())), Ok(vec![]));
    }
}
