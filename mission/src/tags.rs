//! Tags: `key:value` words on an item's line, as in todo.txt. A tag that is not understood blocks its item.
//!
//! A word counts as a tag when its key is one of ours, or when it looks like one (`key:value` at the end of the line, or a
//! key that is nearly ours). Words in backticks, addresses, times and paths never do.

use chrono::NaiveDate;

use crate::need::Need;
use crate::words::{Channel, Skill, Who, nearest};

/// What the tags of one line say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// `for:`
    pub who: Option<Who>,
    /// `skill:`
    pub skill: Option<Skill>,
    /// `channel:`
    pub channel: Option<Channel>,
    /// `issue:`, an id or a number.
    pub issue: Option<String>,
    /// `needs:`, in the order of the line.
    pub needs: Vec<Need>,
    /// `after:`, the start of another item's text.
    pub after: Vec<String>,
    /// `by:`
    pub by: Option<NaiveDate>,
}

/// A tag that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagProblem {
    /// Where in the line's text the tag starts, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// A line's words without its tags, the tags, and what was wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tagged {
    /// The line without its tags, white space folded.
    pub words: String,
    /// The tags.
    pub tags: Tags,
    /// Tags that were not understood.
    pub problems: Vec<TagProblem>,
}

const KEYS: [&str; 7] = ["for", "skill", "channel", "issue", "needs", "after", "by"];
const SCHEMES: [&str; 9] = ["http", "https", "mailto", "ftp", "file", "tel", "at", "did", "tag"];

/// Splits a line into words and tags.
pub(crate) fn split(line: &str) -> Tagged {
    let pieces = pieces(line);
    let last_plain = pieces.iter().rposition(|piece| !looks_like_tag(piece.text));
    let mut out = Tagged::default();
    let mut words: Vec<&str> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let at_the_end = last_plain.is_none_or(|last| at > last);
        let next = pieces.get(at + 1).map_or("", |next| next.text);
        match classify(piece, next, at_the_end, at + 1 == pieces.len()) {
            Piece::Word => words.push(piece.text),
            Piece::Tag(key, value) => {
                if let Err((message, hint)) = out.tags.take(key, value) {
                    out.problems.push(TagProblem { offset: piece.offset, message, hint });
                }
            }
            Piece::Broken(message, hint) => {
                words.push(piece.text);
                out.problems.push(TagProblem { offset: piece.offset, message, hint });
            }
        }
    }
    out.words = words.join(" ");
    out
}

struct Span<'a> {
    offset: usize,
    text: &'a str,
    code: bool,
}

/// Cuts at white space, but keeps `key:"a quoted value"` and code spans together.
fn pieces(line: &str) -> Vec<Span<'_>> {
    let mut pieces = Vec::new();
    let mut start: Option<usize> = None;
    let (mut quoted, mut code, mut touched_code) = (false, false, false);
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '`' if !quoted && (code || line[at + 1..].contains('`')) => {
                code = !code;
                touched_code = true;
            }
            '"' if !code && (quoted || before == ':') => quoted = !quoted,
            _ => {}
        }
        if c.is_whitespace() && !quoted && !code {
            if let Some(from) = start.take() {
                pieces.push(Span { offset: from, text: &line[from..at], code: touched_code });
            }
            touched_code = false;
        } else if start.is_none() {
            start = Some(at);
        }
        before = c;
    }
    if let Some(from) = start {
        pieces.push(Span { offset: from, text: &line[from..], code: touched_code });
    }
    pieces
}

enum Piece<'a> {
    Word,
    Tag(&'a str, &'a str),
    Broken(String, String),
}

fn key_and_value(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    (key.len() >= 2 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-')).then_some((key, value))
}

fn looks_like_tag(text: &str) -> bool {
    key_and_value(text).is_some_and(|(key, value)| {
        KEYS.contains(&key)
            || (!SCHEMES.contains(&key)
                && !value.starts_with([':', '/'])
                && value.chars().any(char::is_alphabetic)
                && !value.ends_with([',', ';', '.', ')']))
    })
}

fn classify<'a>(piece: &Span<'a>, next: &str, at_the_end: bool, last: bool) -> Piece<'a> {
    if piece.code {
        return Piece::Word;
    }
    if let Some(broken) = nearly_ours(piece.text, next) {
        return broken;
    }
    let Some((key, value)) = key_and_value(piece.text) else { return Piece::Word };
    let ours = KEYS.contains(&key);
    if ours && value.is_empty() {
        // "things to ask for: …" is prose; only a tag that the line ends in was cut off.
        return match last {
            true => Piece::Broken(format!("the tag `{key}:` has no value"), expected(key).to_owned()),
            false => Piece::Word,
        };
    }
    if ours {
        return match value.strip_prefix('"') {
            None => Piece::Tag(key, value),
            Some(rest) => match rest.strip_suffix('"') {
                Some(inner) if !inner.is_empty() => Piece::Tag(key, inner),
                Some(_) => Piece::Broken(format!("the tag `{key}:` has an empty value"), expected(key).to_owned()),
                None => Piece::Broken(format!("the quotation mark of `{key}:` is never closed"), "close it with a second `\"`".to_owned()),
            },
        };
    }
    let near = nearest(key, KEYS).filter(|near| near.len() > 2 || key.len() <= 2);
    let valued = near.is_some_and(|near| Tags::default().take(near, value.trim_matches('"')).is_ok());
    match near {
        Some(near) if looks_like_tag(piece.text) && (valued || at_the_end) => {
            Piece::Broken(format!("unknown tag `{key}:`"), format!("did you mean `{near}:`?"))
        }
        _ if at_the_end && looks_like_tag(piece.text) => Piece::Broken(
            format!("unknown tag `{key}:`"),
            format!("tags are {}; put `{}` in backticks if it is not a tag", KEYS.join(", "), piece.text),
        ),
        _ => Piece::Word,
    }
}

/// One of our tags written almost right (in brackets, in capitals, with a space or a wide colon, with curly quotes): the
/// human meant it, so it is said and blocks, rather than be passed over.
fn nearly_ours<'a>(text: &str, next: &str) -> Option<Piece<'a>> {
    let bare = text.trim_matches(['(', ')', '[', ']', '{', '}', ',', ';']).replace('：', ":");
    let (written, value) = bare.split_once(':')?;
    let key = written.to_lowercase();
    if !KEYS.contains(&key.as_str()) {
        return None;
    }
    let means = |value: &str| Tags::default().take(&key, value.trim_matches(['"', '“', '”', ')', ']', '.', ','])).is_ok();
    let said =
        |message: String| Some(Piece::Broken(message, format!("write it like `{key}:{}`", if value.is_empty() { next } else { value })));
    let strict = matches!(key.as_str(), "for" | "skill" | "channel" | "needs" | "by");
    if value.is_empty() {
        // "things to ask for: a list" is prose; "for: nobody" is not.
        return if strict && !next.is_empty() && means(next) { said(format!("a space behind `{written}:`")) } else { None };
    }
    if value.starts_with(['“', '„', '”']) {
        return said(format!("curly quotation marks behind `{key}:`"));
    }
    if bare != text || written != key {
        return if means(value) { said(format!("`{text}` is nearly a tag")) } else { None };
    }
    None
}

fn expected(key: &str) -> &'static str {
    match key {
        "for" => "one of strangers, subscribers, customers, nobody",
        "skill" => "one of publish, distribute, measure, compose, engage, onboard, retain, sell, maintain",
        "channel" => "one of web, mastodon, bluesky, email, hackernews, reddit, x, lobsters, linkedin",
        "issue" => "an issue's number or id",
        "needs" => "env:NAME, file:PATH, tool:NAME, url:ADDRESS or human",
        "after" => "the start of another item's text, in double quotes",
        _ => "a date like 2026-12-31",
    }
}

impl Tags {
    /// Takes one tag; the error is a message and a hint.
    fn take(&mut self, key: &str, value: &str) -> Result<(), (String, String)> {
        let wrong = || (format!("`{key}:{value}` is not understood"), hint_for(key, value));
        match key {
            "for" => self.who = Some(value.parse().map_err(|_| wrong())?),
            "skill" => self.skill = Some(value.parse().map_err(|_| wrong())?),
            "channel" => self.channel = Some(value.parse().map_err(|_| wrong())?),
            "issue" => self.issue = Some(value.to_owned()),
            "needs" => self.needs.push(parse_need(value).ok_or_else(wrong)?),
            "after" => self.after.push(value.to_owned()),
            _ => self.by = Some(value.parse().map_err(|_| wrong())?),
        }
        Ok(())
    }
}

fn hint_for(key: &str, value: &str) -> String {
    let known: Vec<&'static str> = match key {
        "for" => Who::ALL.iter().map(|who| who.into()).collect(),
        "skill" => Skill::ALL.iter().map(|skill| skill.into()).collect(),
        "channel" => <Channel as strum::IntoEnumIterator>::iter().map(|channel| channel.into()).collect(),
        _ => Vec::new(),
    };
    match nearest(value, known) {
        Some(near) => format!("did you mean `{key}:{near}`?"),
        None => format!("`{key}:` takes {}", expected(key)),
    }
}

fn parse_need(value: &str) -> Option<Need> {
    if value == "human" {
        return Some(Need::Human);
    }
    let (kind, what) = value.split_once(':')?;
    if what.is_empty() {
        return None;
    }
    match kind {
        "env" => Some(Need::Env(what.to_owned())),
        "file" => Some(Need::File(what.to_owned())),
        "tool" => Some(Need::Tool(what.to_owned())),
        "url" => Some(Need::Url(what.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_words() {
        for (line, words, problems) in [
            ("Post issue 45 for:nobody", "Post issue 45", 0),
            ("Post it after:\"Post issue 45 to Mastodon\" now", "Post it now", 0),
            ("Move the API to localhost:8080", "Move the API to localhost:8080", 0),
            ("Read https://x.example/a:b", "Read https://x.example/a:b", 0),
            ("Use std::vec and `for:x` at 12:30", "Use std::vec and `for:x` at 12:30", 0),
            ("Things to ask for: a and b", "Things to ask for: a and b", 0),
            ("chore:deps bump everything", "chore:deps bump everything", 0),
            ("Note: this is prose", "Note: this is prose", 0),
            ("Post it for:", "Post it for:", 1),
            ("Post it for:strangres", "Post it", 1),
            ("Post it audience:strangers", "Post it audience:strangers", 1),
            ("Post chanel:mastodon it", "Post chanel:mastodon it", 1),
            ("Post it after:\"Post issue", "Post it after:\"Post issue", 1),
            ("Post it needs:moon", "Post it", 1),
            ("Post it by:tomorrow", "Post it", 1),
            ("Post it needs: human", "Post it needs: human", 1),
            ("Post it (needs:human)", "Post it (needs:human)", 1),
            ("Post it Needs:human", "Post it Needs:human", 1),
            ("Post it needs：human", "Post it needs：human", 1),
            ("Post it for: nobody", "Post it for: nobody", 1),
            ("Post it after:“Ann reads it”", "Post it after:“Ann reads it”", 1),
        ] {
            let tagged = split(line);
            assert_eq!((tagged.words.as_str(), tagged.problems.len()), (words, problems), "{line}");
        }
    }

    #[test]
    fn every_key_is_taken() {
        let tagged =
            split("Do it for:customers skill:publish channel:email issue:44 needs:env:A needs:file:\"x y\" after:\"a b\" by:2026-12-31");
        assert_eq!(tagged.problems, []);
        let tags = tagged.tags;
        assert_eq!((tags.who, tags.skill), (Some(Who::Customers), Some(Skill::Publish)));
        assert_eq!((tags.channel, tags.issue.as_deref()), (Some(Channel::Email), Some("44")));
        assert_eq!(tags.after, ["a b"]);
        assert_eq!(tags.by, NaiveDate::from_ymd_opt(2026, 12, 31));
        assert_eq!(tags.needs[0], Need::Env("A".into()));
    }

    #[test]
    fn hints_name_the_nearest_right_word() {
        assert_eq!(split("x for:strangres").problems[0].hint, "did you mean `for:strangers`?");
        assert_eq!(split("x skil:publish").problems[0].hint, "did you mean `skill:`?");
    }
}
