//! From bytes to items. comrak says where the list items, headings and HTML blocks are; cmark-gfm's rule for the box
//! (its `tasklist` extension, 0.29) is applied to the line an item starts on.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

use super::answer::{Answer, answer_of};
use super::{BLOCK_END, BLOCK_START, Block, Item, ItemState, Progress, ProgressError};
use crate::diagnostic::Diagnostic;
use crate::tags::{self, TagProblem};

/// More words than this are no task line; the rest of a paragraph is left unread.
const LONGEST_TEXT: usize = 20_000;

pub(super) fn parse(source: Vec<u8>) -> Result<Progress, ProgressError> {
    let lines = Lines::of(&source);
    if let Some(at) = source.iter().position(|byte| *byte == 0) {
        return Err(ProgressError::Binary { line: lines.number_of(at) });
    }
    let (text, mut diagnostics) = readable(&source, &lines);
    let arena = Arena::new();
    // A last line is read as it will be once something stands below it: without its end comrak takes `1.` for words.
    let ended = if text.is_empty() || text.ends_with(['\n', '\r']) { String::new() } else { format!("{text}\n") };
    let root = parse_document(&arena, if ended.is_empty() { &text } else { &ended }, &options());
    let (block, stray) = find_block(root, &lines, &source);
    diagnostics.extend(stray);
    let mut walk = Walk { source: &source, text: &text, lines: &lines, heading: None, items: vec![], answers: vec![], diagnostics };
    for node in root.descendants() {
        walk.visit(node, block.as_ref());
    }
    let Walk { items, answers, mut diagnostics, .. } = walk;
    diagnostics.sort_by_key(|d| (d.line, d.column));
    let body = root
        .first_child()
        .filter(|first| matches!(first.data.borrow().value, NodeValue::FrontMatter(_)))
        .map_or(0, |first| lines.start(first.data.borrow().sourcepos.end.line + 1));
    Ok(Progress { items, answers, diagnostics, block, source, body })
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.front_matter_delimiter = Some("---".to_owned());
    options
}

/// The text with every byte that is no UTF-8 replaced by one ASCII byte, so that places stay the same.
fn readable(source: &[u8], lines: &Lines) -> (String, Vec<Diagnostic>) {
    let mut text = String::with_capacity(source.len());
    let mut diagnostics = Vec::new();
    let mut at = 0;
    for chunk in source.utf8_chunks() {
        text.push_str(chunk.valid());
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            let line = lines.number_of(at);
            if diagnostics.last().is_none_or(|last: &Diagnostic| last.line != line) {
                let column = at - lines.start(line) + 1;
                diagnostics.push(Diagnostic::warning(
                    line,
                    column,
                    "bytes that are no UTF-8",
                    "they are kept as they are; save the file as UTF-8",
                ));
            }
            text.extend(std::iter::repeat_n('?', chunk.invalid().len()));
            at += chunk.invalid().len();
        }
    }
    (text, diagnostics)
}

/// Where lines start: after LF, CRLF or CR, as CommonMark has it.
struct Lines {
    starts: Vec<usize>,
    length: usize,
}

impl Lines {
    fn of(source: &[u8]) -> Self {
        let mut starts = vec![0];
        for (at, byte) in source.iter().enumerate() {
            if *byte == b'\n' || (*byte == b'\r' && source.get(at + 1) != Some(&b'\n')) {
                starts.push(at + 1);
            }
        }
        Self { starts, length: source.len() }
    }

    /// The first byte of a line, from 1; past the last line, the end.
    fn start(&self, line: usize) -> usize {
        self.starts.get(line - 1).copied().unwrap_or(self.length)
    }

    /// The line's bytes with its ending.
    fn range(&self, line: usize) -> std::ops::Range<usize> {
        self.start(line)..self.start(line + 1)
    }

    fn number_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }
}

fn trimmed_end(source: &[u8], range: std::ops::Range<usize>) -> usize {
    let kept = source[range.clone()].trim_ascii_end().len();
    range.start + kept
}

struct Walk<'a> {
    source: &'a [u8],
    text: &'a str,
    lines: &'a Lines,
    heading: Option<String>,
    items: Vec<Item>,
    answers: Vec<Answer>,
    diagnostics: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn visit<'n>(&mut self, node: &'n AstNode<'n>, block: Option<&Block>) {
        let data = node.data.borrow();
        let line = data.sourcepos.start.line;
        match &data.value {
            NodeValue::Heading(_) => {
                let range = self.lines.range(line);
                let shown = self.text[range].trim_matches(|c: char| c == '#' || c.is_whitespace());
                self.heading = Some(shown.to_owned());
            }
            NodeValue::Item(_) => {
                let start = self.lines.start(line);
                if block.is_some_and(|block| block.outer.contains(&start)) {
                    self.answers.extend(answer_of(&self.text[self.lines.range(line)], line));
                } else if let Some(found) = boxed(&self.source[self.lines.range(line)])
                    && !starts_with_code(node)
                    // An entry of the agent's block whose markers were lost is still no task.
                    && answer_of(&self.text[self.lines.range(line)], line).is_none()
                {
                    self.take(node, line, found);
                }
            }
            _ => {}
        }
    }

    fn take<'n>(&mut self, node: &'n AstNode<'n>, line: usize, found: Boxed) {
        let start = self.lines.start(line);
        let last = paragraph_end(node).unwrap_or(line);
        let mut words = String::new();
        let mut offsets = Vec::new();
        let mut too_long = false;
        for number in line..=last {
            let range = self.lines.range(number);
            let from = if number == line { start + found.text } else { range.start };
            let piece = self.text.get(from..range.end).unwrap_or_default().trim();
            if words.len() + piece.len() > LONGEST_TEXT {
                words.extend(piece.chars().take(LONGEST_TEXT.saturating_sub(words.len())));
                too_long = true;
                break;
            }
            if number > line {
                words.push(' ');
            }
            offsets.push((words.len(), number));
            words.push_str(piece);
        }
        let end = trimmed_end(self.source, start + found.text..self.lines.range(last).end).max(start + found.text - 1);
        let mut tagged = tags::split(&without_comments(&words));
        if too_long {
            let hint = "move what is behind the first sentence into a nested list".to_owned();
            tagged.problems.push(TagProblem { offset: 0, message: format!("more than {LONGEST_TEXT} bytes in one item"), hint });
        }
        tagged.problems.extend(self.taken_back(node, &words));
        if found.state == ItemState::Open {
            for problem in &tagged.problems {
                let (from, number) = offsets.iter().rev().find(|(from, _)| *from <= problem.offset).copied().unwrap_or((0, line));
                let shift = if number == line { found.text } else { 0 };
                let column = problem.offset - from + shift + 1;
                self.diagnostics.push(Diagnostic::error(number, column, problem.message.clone(), problem.hint.clone()));
            }
        }
        let heading = self.heading.clone();
        self.items.push(Item { line, state: found.state, tagged, heading, symbol: start + found.symbol, end });
    }
}

impl Walk<'_> {
    /// An item that was taken back otherwise than by its box: it stays open, for that is what the box says, and blocked.
    fn taken_back<'n>(&self, item: &'n AstNode<'n>, words: &str) -> Option<TagProblem> {
        let how = match (words.starts_with("~~") && words.ends_with("~~"), self.below_dropped(item)) {
            (true, _) => "struck through",
            (false, true) => "below an item that was dropped",
            (false, false) => return None,
        };
        let message = format!("the item is {how}, but its box is open");
        Some(TagProblem { offset: 0, message, hint: "write `[-]` to drop it".to_owned() })
    }

    /// Whether an item above this one was dropped.
    fn below_dropped<'n>(&self, item: &'n AstNode<'n>) -> bool {
        item.ancestors().skip(1).any(|above| {
            let data = above.data.borrow();
            let line = || &self.source[self.lines.range(data.sourcepos.start.line)];
            matches!(data.value, NodeValue::Item(_)) && boxed(line()).is_some_and(|found| found.state == ItemState::Dropped)
        })
    }
}

/// The words with every comment blanked out, places kept: a comment is nobody's order.
fn without_comments(words: &str) -> String {
    let mut out = words.to_owned();
    while let Some(from) = out.find("<!--") {
        let to = out[from..].find("-->").map_or(out.len(), |at| from + at + 3);
        out.replace_range(from..to, &" ".repeat(to - from));
    }
    out
}

/// What stands after an item's marker.
#[derive(Clone, Copy)]
struct Boxed {
    state: ItemState,
    /// Offset of the symbol in the line.
    symbol: usize,
    /// Offset of the words in the line.
    text: usize,
}

/// cmark-gfm's rule: white space, marker, white space, box, white space; the marker is the first thing on the line.
fn boxed(line: &[u8]) -> Option<Boxed> {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | 0x0b | 0x0c);
    let mut at = line.iter().position(|byte| !space(byte))?;
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    at += match (digits, line.get(at + digits)?) {
        (0, b'-' | b'+' | b'*') => 1,
        (1.., b'.' | b')') => digits + 1,
        _ => return None,
    };
    let gap = line[at..].iter().take_while(|byte| space(byte)).count();
    at += gap;
    let [b'[', symbol, b']', after, ..] = line.get(at..)? else { return None };
    let state = match symbol {
        b' ' => ItemState::Open,
        b'x' | b'X' => ItemState::Done,
        b'-' => ItemState::Dropped,
        _ => return None,
    };
    (gap > 0 && space(after)).then_some(Boxed { state, symbol: at + 1, text: at + 4 })
}

/// Five spaces after the marker make code, not a box.
fn starts_with_code<'n>(item: &'n AstNode<'n>) -> bool {
    item.first_child().is_some_and(|child| matches!(child.data.borrow().value, NodeValue::CodeBlock(_)))
}

fn paragraph_end<'n>(item: &'n AstNode<'n>) -> Option<usize> {
    let child = item.first_child()?;
    let data = child.data.borrow();
    matches!(data.value, NodeValue::Paragraph).then_some(data.sourcepos.end.line)
}

/// The block's markers are HTML blocks at the top level. An end belongs to the nearest start before it; markers without a
/// partner are said and left alone.
fn find_block<'n>(root: &'n AstNode<'n>, lines: &Lines, source: &[u8]) -> (Option<Block>, Vec<Diagnostic>) {
    let mut stray = Vec::new();
    let mut block: Option<Block> = None;
    let mut start: Option<usize> = None;
    for node in root.children() {
        let data = node.data.borrow();
        if !matches!(data.value, NodeValue::HtmlBlock(_)) {
            continue;
        }
        let line = data.sourcepos.start.line;
        match source[lines.range(line)].trim_ascii() {
            marker if marker == BLOCK_START.as_bytes() => {
                stray.extend(start.replace(line).map(|earlier| stray_marker(earlier, "never ends")));
            }
            marker if marker == BLOCK_END.as_bytes() => match (start.take(), &block) {
                (Some(from), None) => {
                    block =
                        Some(Block { inner: lines.start(from + 1)..lines.start(line), outer: lines.start(from)..lines.start(line + 1) });
                }
                (Some(_), Some(_)) => stray.push(stray_marker(line, "is a second one: the first counts")),
                (None, _) => stray.push(stray_marker(line, "never began")),
            },
            _ => {}
        }
    }
    stray.extend(start.map(|line| stray_marker(line, "never ends")));
    (block, stray)
}

fn stray_marker(line: usize, what: &str) -> Diagnostic {
    Diagnostic::warning(line, 1, format!("the agent's block that is marked here {what}"), "delete this line")
}
