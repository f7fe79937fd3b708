//! The labelled lines: files of tab-separated columns `text, for, skill, channel, pair`, one file a hand (one author or a few
//! of a kind). Strict: a line that is not understood is an error with file, line number and the nearest right name.
//!
//! Lines of one pair (nearly the same words, another label) carry the same id within their file.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reveille_mission::{Channel, Skill, Who, nearest};

use crate::digest::{Digest, Running};

/// The word for "no skill".
pub(crate) const NONE: &str = "none";

/// A labelled line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The words, as a person would write them in PROGRESS.md.
    pub text: String,
    /// Who notices when it is done.
    pub who: Who,
    /// The skill, if it is one.
    pub skill: Option<Skill>,
    /// The channel, if one is meant.
    pub channel: Option<Channel>,
    /// The id of its pair, unique within its hand.
    pub pair: Option<String>,
    /// Its hand's place in [`Corpus::hands`].
    pub hand: usize,
}

/// Labelled lines of several hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corpus {
    /// The names of the files without their ending, in order.
    pub hands: Vec<String>,
    /// All lines, hand by hand.
    pub lines: Vec<Line>,
    /// The sum over names and bytes of all files.
    pub digest: Digest,
}

/// Why a corpus is refused.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A folder or file can't be read.
    #[error("can't read the corpus {}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No `*.tsv` file, or no line in them.
    #[error("the corpus {} has no labelled lines", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A line is not in order.
    #[error("{file}:{line}: {fault}")]
    Line {
        /// The file's name.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
}

/// What is wrong with a line of a corpus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Not five columns.
    #[error("it has {0} columns, not the five: text, for, skill, channel, pair")]
    Columns(usize),
    /// The text is empty or has space around it.
    #[error("the text is empty or has space around it")]
    Text,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// A label that does not exist.
    #[error("{column} {given:?} is not known")]
    Label {
        /// The column.
        column: &'static str,
        /// What stands there.
        given: String,
        /// The right name nearest to it.
        nearest: Option<String>,
    },
    /// The same words with another label elsewhere.
    #[error("the same words have another label in {file}:{line}")]
    Contradiction {
        /// The other file.
        file: String,
        /// The other line.
        line: usize,
    },
    /// A pair of one.
    #[error("the pair {0:?} has no other line in this file")]
    Alone(String),
}

impl CorpusError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => Some("run it in the repository, whose corpus is models/corpus, or give --corpus FOLDER".to_owned()),
            Self::Empty { .. } => Some("put labelled lines into files named *.tsv: text, for, skill, channel, pair".to_owned()),
            Self::Line { fault, .. } => match fault {
                LineFault::Label { nearest: Some(name), .. } => Some(format!("did you mean {name}?")),
                LineFault::Label { column: "for", .. } => Some("strangers, subscribers, customers or nobody".to_owned()),
                LineFault::Contradiction { .. } => Some("keep one of the two".to_owned()),
                _ => None,
            },
        }
    }
}

impl Corpus {
    /// Reads every `*.tsv` file of a folder, in the order of their names.
    ///
    /// # Errors
    /// [`CorpusError`]: the first line that is not in order.
    pub fn read(folder: &Path) -> Result<Self, CorpusError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| CorpusError::Io { path, source }
        };
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(io(folder))? {
            let path = entry.map_err(io(folder))?.path();
            if path.extension().is_some_and(|ending| ending == "tsv") {
                let hand = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                files.insert(hand, std::fs::read(&path).map_err(io(&path))?);
            }
        }
        let corpus = Self::from_files(files.iter().map(|(hand, bytes)| (hand.as_str(), bytes.as_slice())))?;
        if corpus.lines.is_empty() { Err(CorpusError::Empty { path: folder.to_owned() }) } else { Ok(corpus) }
    }

    /// Reads hands from (name, content) in the order given.
    ///
    /// # Errors
    /// [`CorpusError::Line`]: the first line that is not in order.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, CorpusError> {
        let mut sum = Running::default();
        let (mut hands, mut lines) = (Vec::new(), Vec::new());
        let mut places: HashMap<String, (String, usize, Who, Option<Skill>)> = HashMap::new();
        for (hand, bytes) in files {
            sum.update(format!("{hand}\n{}\n", bytes.len()).as_bytes());
            sum.update(bytes);
            let file = format!("{hand}.tsv");
            let mut pairs: BTreeMap<String, (usize, usize)> = BTreeMap::new();
            for (number, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
                let fail = |fault| CorpusError::Line { file: file.clone(), line: number, fault };
                let row = std::str::from_utf8(bytes).map_err(|_| fail(LineFault::Encoding))?.trim_end_matches('\r');
                if row.trim().is_empty() || row.starts_with('#') {
                    continue;
                }
                let line = parse_row(row, hands.len()).map_err(fail)?;
                let place = (file.clone(), number, line.who, line.skill);
                match places.insert(line.text.clone(), place) {
                    Some((file, at, who, skill)) if (who, skill) != (line.who, line.skill) => {
                        return Err(fail(LineFault::Contradiction { file, line: at }));
                    }
                    _ => {}
                }
                if let Some(pair) = &line.pair {
                    pairs.entry(pair.clone()).or_insert((0, number)).0 += 1;
                }
                lines.push(line);
            }
            if let Some((pair, (_, line))) = pairs.into_iter().find(|(_, (count, _))| *count < 2) {
                return Err(CorpusError::Line { file, line, fault: LineFault::Alone(pair) });
            }
            hands.push(hand.to_owned());
        }
        Ok(Self { hands, lines, digest: sum.finish() })
    }
}

impl Corpus {
    /// The lines of some hands, by their places; the others keep their names and have no lines.
    #[must_use]
    pub fn only(&self, hands: &[usize]) -> Self {
        let lines = self.lines.iter().filter(|line| hands.contains(&line.hand)).cloned().collect();
        Self { hands: self.hands.clone(), lines, digest: self.digest }
    }
}

/// A labelled line as a row of such a file, without its end; `None` for words that can't stand in one (none, or a `#` first,
/// which begins a comment). White space is folded.
pub fn row(text: &str, who: Who, skill: Option<Skill>) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let skill = skill.map_or(NONE.to_owned(), |skill| skill.to_string());
    (!words.is_empty() && !words.starts_with('#')).then(|| format!("{words}\t{who}\t{skill}\t\t"))
}

fn parse_row(row: &str, hand: usize) -> Result<Line, LineFault> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [text, who, skill, channel, pair] = columns[..] else {
        return Err(LineFault::Columns(columns.len()));
    };
    if text.is_empty() || text.trim() != text {
        return Err(LineFault::Text);
    }
    Ok(Line {
        text: text.to_owned(),
        who: label("for", who, Who::ALL.map(Into::into).iter().copied())?,
        skill: match skill {
            NONE => None,
            skill => Some(label("skill", skill, Skill::ALL.map(Into::into).iter().copied().chain([NONE]))?),
        },
        channel: match channel {
            "" => None,
            channel => Some(label("channel", channel, CHANNELS)?),
        },
        pair: (!pair.is_empty()).then(|| pair.to_owned()),
        hand,
    })
}

const CHANNELS: [&str; 9] = ["web", "mastodon", "bluesky", "email", "hackernews", "reddit", "x", "lobsters", "linkedin"];

fn label<'a, T: FromStr>(column: &'static str, given: &str, known: impl IntoIterator<Item = &'a str>) -> Result<T, LineFault> {
    given.parse().map_err(|_| LineFault::Label { column, given: given.to_owned(), nearest: nearest(given, known).map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Corpus, CorpusError> {
        Corpus::from_files([("hand-t", text.as_bytes())])
    }

    #[test]
    fn reads_lines_comments_and_pairs() {
        let corpus = read("# a comment\nSend issue 4\tsubscribers\tpublish\temail\tp1\r\n\nStore issue 4\tnobody\tnone\t\tp1").unwrap();
        assert_eq!(corpus.hands, ["hand-t"]);
        let [first, second] = &corpus.lines[..] else { panic!("two lines") };
        assert_eq!((first.who, first.skill, first.channel), (Who::Subscribers, Some(Skill::Publish), Some(Channel::Email)));
        assert_eq!((second.who, second.skill, second.channel), (Who::Nobody, None, None));
        assert_eq!(first.pair, second.pair);
    }

    #[test]
    fn says_what_is_wrong_where() {
        for (text, message, hint) in [
            ("x\tnobody\tnone\t", "hand-t.tsv:1: it has 4 columns, not the five: text, for, skill, channel, pair", None),
            ("#\n \tnobody\tnone\t\t", "hand-t.tsv:2: the text is empty or has space around it", None),
            ("x\tsubscriber\tnone\t\t", "hand-t.tsv:1: for \"subscriber\" is not known", Some("did you mean subscribers?")),
            ("x\tzzzzzzz\tnone\t\t", "hand-t.tsv:1: for \"zzzzzzz\" is not known", Some("strangers, subscribers, customers or nobody")),
            ("x\tnobody\tnon\t\t", "hand-t.tsv:1: skill \"non\" is not known", Some("did you mean none?")),
            ("x\tnobody\tnone\ttwitter\t", "hand-t.tsv:1: channel \"twitter\" is not known", None),
            (
                "x\tnobody\tnone\t\t\nx\tstrangers\tnone\t\t",
                "hand-t.tsv:2: the same words have another label in hand-t.tsv:1",
                Some("keep one of the two"),
            ),
            ("x\tnobody\tnone\t\tp1", "hand-t.tsv:1: the pair \"p1\" has no other line in this file", None),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.hint().as_deref()), (message, hint));
        }
        let error = Corpus::from_files([("hand-t", &b"\xff\tnobody\tnone\t\t"[..])]).unwrap_err();
        assert_eq!(error.to_string(), "hand-t.tsv:1: it is not UTF-8");
    }

    #[test]
    fn a_row_is_read_back_as_it_was_meant() {
        for (text, who, skill) in [("Send  issue 4", Who::Subscribers, Some(Skill::Publish)), ("Keep\t`a\tb`\n", Who::Nobody, None)] {
            let corpus = read(&row(text, who, skill).unwrap()).unwrap();
            let [line] = &corpus.lines[..] else { panic!("one line") };
            assert_eq!((line.who, line.skill, line.channel, &line.pair), (who, skill, None, &None));
            assert_eq!(line.text, text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        assert_eq!((row(" \t", Who::Nobody, None), row("#hiring on LinkedIn", Who::Strangers, None)), (None, None));
    }

    #[test]
    fn the_digest_follows_every_byte_and_name() {
        let sum = |name: &str, text: &str| Corpus::from_files([(name, text.as_bytes())]).unwrap().digest;
        let lines = "x\tnobody\tnone\t\t";
        assert_eq!(sum("a", lines), sum("a", lines));
        assert_ne!(sum("a", lines), sum("b", lines));
        assert_ne!(sum("a", lines), sum("a", &format!("#\n{lines}")));
    }

    #[test]
    fn channels_are_all_channels() {
        for name in CHANNELS {
            assert!(name.parse::<Channel>().is_ok(), "{name}");
        }
    }

    fn ours() -> Corpus {
        Corpus::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))).unwrap()
    }

    #[test]
    fn our_own_corpus_is_large_and_balanced() {
        let corpus = ours();
        let count = |of: &dyn Fn(&&Line) -> bool| corpus.lines.iter().filter(of).count();
        assert!(corpus.lines.len() >= 3_000 && corpus.hands.len() >= 12, "{} lines", corpus.lines.len());
        assert!(count(&|line| line.pair.is_some()) >= 1_000);
        for who in Who::ALL {
            assert!(count(&|line| line.who == who) * 10 >= corpus.lines.len(), "{who}");
        }
        for skill in Skill::ALL {
            assert!(count(&|line| line.skill == Some(skill)) >= 200, "{skill}");
        }
    }

    /// Folds are made of whole hands, so a pair that stays in its hand stays in one fold; and it must be one, of lines that
    /// differ in who notices.
    #[test]
    fn pairs_stay_in_one_hand_and_differ() {
        let corpus = ours();
        let mut pairs: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in &corpus.lines {
            if let Some(pair) = &line.pair {
                pairs.entry(pair).or_default().push(line);
            }
        }
        for (pair, lines) in pairs {
            assert!(lines.iter().all(|line| line.hand == lines[0].hand), "pair {pair} is in two hands");
            assert!(lines.len() > 1 && lines.iter().any(|line| line.who != lines[0].who), "pair {pair} does not differ");
        }
    }

    /// The groups of three letters of a text, each once, in order.
    fn letter_groups(text: &str) -> Vec<[char; 3]> {
        let letters: Vec<char> =
            text.chars().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric() || *letter == ' ').collect();
        let mut groups: Vec<[char; 3]> = letters.windows(3).map(|three| [three[0], three[1], three[2]]).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// How many groups two texts share.
    fn shared(a: &[[char; 3]], b: &[[char; 3]]) -> usize {
        let (mut at, mut shared) = (0, 0);
        for group in a {
            while b.get(at).is_some_and(|other| other < group) {
                at += 1;
            }
            shared += usize::from(b.get(at) == Some(group));
        }
        shared
    }

    /// Lines of different pairs or hands that share nearly all groups of three letters (Jaccard index at least 0.75).
    fn near_duplicates(lines: &[Line]) -> Vec<(&str, &str)> {
        let groups: Vec<_> = lines.iter().map(|line| letter_groups(&line.text)).collect();
        let mut found = Vec::new();
        for (at, (line, of_line)) in lines.iter().zip(&groups).enumerate() {
            for (other, of_other) in lines.iter().zip(&groups).take(at) {
                let paired = line.hand == other.hand && line.pair.is_some() && line.pair == other.pair;
                let (few, many) = (of_line.len().min(of_other.len()), of_line.len().max(of_other.len()));
                // The index can't reach the bound when the sizes are too different.
                if paired || few * 4 < many * 3 {
                    continue;
                }
                let shared = shared(of_line, of_other);
                if shared * 4 >= (few + many - shared) * 3 {
                    found.push((other.text.as_str(), line.text.as_str()));
                }
            }
        }
        found
    }

    #[test]
    fn near_duplicates_are_found_and_ours_has_none() {
        let made_up = read("Post the fog letter to Mastodon\tstrangers\tdistribute\t\t\npost the fog letter to Mastodon.\tstrangers\tdistribute\t\t\nRefactor it\tnobody\tnone\t\t").unwrap();
        assert_eq!(near_duplicates(&made_up.lines).len(), 1);
        assert_eq!(near_duplicates(&ours().lines), []);
    }
}
