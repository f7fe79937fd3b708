//! An issue outside of its page: as clean HTML with absolute addresses, and as plain text to be read in a mail.
//!
//! Must stay true: both show the same document as the page does; every address is whole, for nothing stands beside a letter;
//! no text nests so deep that it ends the program.

use std::path::Path;

use comrak::nodes::{ListType, Node, NodeLink, NodeValue};
use comrak::{Arena, parse_document};
use reveille_mission::Issue;
use url::Url;

use super::SiteError;
use super::gather::Page;
use super::manifest::{Entry, Manifest};
use super::markdown::{OPTIONS, Target, Targets, absolute, html, scan};
use super::references::{Slugs, resolve};
use crate::disk::Root;
use crate::settings::Publication;

/// The width of a line, in characters: what mail programs have always quoted without breaking.
const WIDTH: usize = 74;
/// Deeper than this only the words are taken.
const DEPTH: usize = 40;

/// An issue's text, for a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Clean HTML; every address absolute.
    pub(crate) html: String,
    /// The same, to be read as it is.
    pub(crate) text: String,
}

/// The text of the published issue with this id; nothing when the site does not have it.
pub(crate) fn outside(home: &Path, publication: &Publication, id: &str) -> Result<Option<Outside>, SiteError> {
    let root = Root::open(home)?;
    let manifest = Manifest::load(&root);
    let slugs: Slugs = manifest.entries.iter().map(|(path, entry)| (path.clone(), entry.issue.slug.clone())).collect();
    let Some((path, entry)) = manifest.entries.iter().find(|(_, entry)| entry.issue.id == id) else { return Ok(None) };
    let mut page = Page { path: path.clone(), entry: entry.clone(), body: None, held: false };
    let body = page.body(&root)?;
    // The author may have edited it since the site was rendered.
    page.entry.scan = scan(&body, 1);
    let targets = resolve(&page, &slugs, &page.entry.copied);
    let Ok(base) = Url::parse(&publication.issue_address(&page.entry.issue.slug)) else { return Ok(None) };
    Ok(Some(Outside { html: absolute(&html(&body, &targets), &base), text: text(&body, &targets, &base) }))
}

/// A text that is on no page, for a letter of its own: links to issues lead to their pages. `issue` says where it lies.
pub(crate) fn outside_alone(home: &Path, publication: &Publication, issue: &Issue, body: &str) -> Result<Option<Outside>, SiteError> {
    let manifest = Manifest::load(&Root::open(home)?);
    let slugs: Slugs = manifest.entries.iter().map(|(path, entry)| (path.clone(), entry.issue.slug.clone())).collect();
    let entry = Entry {
        source: String::new(),
        stamp: None,
        inputs: String::new(),
        issue: issue.clone(),
        preview: None,
        scan: scan(body, 1),
        copied: vec![],
    };
    let page = Page { path: issue.path.clone(), entry, body: None, held: false };
    let targets = resolve(&page, &slugs, &[]);
    let Ok(base) = Url::parse(&publication.issue_address(&issue.slug)) else { return Ok(None) };
    Ok(Some(Outside { html: absolute(&html(body, &targets), &base), text: text(body, &targets, &base) }))
}

/// Markdown as plain text: links in full behind their words, lines of a readable width.
fn text(markdown: &str, targets: &Targets, base: &Url) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &OPTIONS);
    Plain { targets, base }.blocks(root, "\n\n", 0)
}

struct Plain<'t> {
    targets: &'t Targets,
    base: &'t Url,
}

impl Plain<'_> {
    fn blocks<'a>(&self, parent: Node<'a>, between: &str, depth: usize) -> String {
        let blocks = parent.children().map(|child| self.block(child, depth + 1)).filter(|block| !block.trim().is_empty());
        blocks.collect::<Vec<_>>().join(between)
    }

    fn block<'a>(&self, node: Node<'a>, depth: usize) -> String {
        if depth > DEPTH {
            return node.collect_text();
        }
        match &node.data().value {
            NodeValue::Paragraph => wrapped(&self.inline(node, depth)),
            NodeValue::Heading(heading) => {
                let words = self.inline(node, depth).replace('\n', " ");
                let line = if heading.level == 1 { "=" } else { "-" };
                format!("{words}\n{}", line.repeat(words.chars().count().min(WIDTH)))
            }
            NodeValue::BlockQuote | NodeValue::MultilineBlockQuote(_) | NodeValue::Alert(_) => {
                prefixed(&self.blocks(node, "\n\n", depth), "> ", "> ")
            }
            NodeValue::List(list) => {
                let between = if list.tight { "\n" } else { "\n\n" };
                let items = node.children().enumerate().map(|(at, item)| {
                    let mark = match (&item.data().value, list.list_type) {
                        (NodeValue::TaskItem(task), _) => if task.symbol.is_some() { "[x] " } else { "[ ] " }.to_owned(),
                        (_, ListType::Ordered) => format!("{}. ", list.start + at),
                        (_, ListType::Bullet) => "- ".to_owned(),
                    };
                    prefixed(&self.blocks(item, between, depth + 1), &mark, &" ".repeat(mark.len()))
                });
                items.collect::<Vec<_>>().join(between)
            }
            NodeValue::CodeBlock(code) => prefixed(code.literal.trim_end(), "    ", "    "),
            NodeValue::HtmlBlock(block) => wrapped(&words_of(&block.literal)),
            NodeValue::ThematicBreak => "* * *".to_owned(),
            NodeValue::FootnoteDefinition(note) => prefixed(&self.blocks(node, "\n\n", depth), &format!("[{}] ", note.name), "    "),
            NodeValue::Table(_) => {
                let row = |row: Node<'a>| row.children().map(|cell| self.inline(cell, depth)).collect::<Vec<_>>().join(" | ");
                node.children().map(row).collect::<Vec<_>>().join("\n")
            }
            _ => self.blocks(node, "\n\n", depth),
        }
    }

    fn inline<'a>(&self, parent: Node<'a>, depth: usize) -> String {
        if depth > DEPTH {
            return parent.collect_text();
        }
        parent.children().map(|node| self.piece(node, depth + 1)).collect()
    }

    fn piece<'a>(&self, node: Node<'a>, depth: usize) -> String {
        match &node.data().value {
            NodeValue::Text(text) => text.to_string(),
            NodeValue::Code(code) => code.literal.clone(),
            NodeValue::SoftBreak => " ".to_owned(),
            NodeValue::LineBreak => "\n".to_owned(),
            NodeValue::HtmlInline(_) => String::new(),
            NodeValue::FootnoteReference(note) => format!("[{}]", note.name),
            NodeValue::Link(link) => self.with_address(self.inline(node, depth), link),
            NodeValue::Image(picture) => self.with_address(format!("[{}]", self.inline(node, depth)), picture),
            _ => self.inline(node, depth),
        }
    }

    /// The words, and behind them where they lead, unless they say that themselves.
    fn with_address(&self, words: String, link: &NodeLink) -> String {
        let to = match self.targets.get(&link.url) {
            Some(Target::Nowhere) => return words,
            Some(Target::Address(address) | Target::Picture { address, .. }) => address,
            None => &link.url,
        };
        let whole = self.base.join(to).ok().filter(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
        match whole.map(String::from) {
            None => words,
            Some(address) if same(&address, &words) || same(&address, &format!("mailto:{words}")) => words,
            Some(address) => format!("{words} ({address})"),
        }
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// The words of raw HTML, without its tags.
fn words_of(html: &str) -> String {
    let clean = ammonia::Builder::empty().clean(html).to_string();
    let plain = clean.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&quot;", "\"").replace("&amp;", "&");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn prefixed(block: &str, first: &str, rest: &str) -> String {
    let line = |(at, line): (usize, &str)| format!("{}{line}", if at == 0 { first } else { rest }).trim_end().to_owned();
    block.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Lines of a readable width; a word that is longer, like an address, stays whole.
fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let mut width = 0;
        for word in line.split_whitespace() {
            let long = word.chars().count();
            if width > 0 && width + 1 + long > WIDTH {
                out.push('\n');
                width = 0;
            } else if width > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(word);
            width += long;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_reads_well_without_markup_and_links_are_whole() {
        let targets = Targets::from([
            ("045.md".to_owned(), Target::Address("../other/".to_owned())),
            ("p.png".to_owned(), Target::Picture { address: "p.png".to_owned(), size: None }),
            ("draft.md".to_owned(), Target::Nowhere),
        ]);
        let base = Url::parse("https://a.example/issues/x/").expect("an address");
        let markdown = "# One\n\nA *long* `line` that goes [on](045.md) and on, with https://b.example and [words](https://c.example/y?a=b).\nSame\\\nnew\n\n- [x] done\n- [ ] open\n\n3. three\n4. four\n\n   > said\n   > so\n\n```\ncode  here\n  - too\n```\n\n![what it shows](p.png) [d](draft.md) <a@b.example> [bad](javascript:x)\n\n<div>raw &amp; <b>bold</b></div>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\nNote[^1].\n\n[^1]: Foot.\n";
        insta::assert_snapshot!(text(markdown, &targets, &base), @r#"
        One
        ===

        A long line that goes on (https://a.example/issues/other/) and on, with
        https://b.example and words (https://c.example/y?a=b). Same
        new

        [x] done
        [ ] open

        3. three

        4. four

           > said so

            code  here
              - too

        [what it shows] (https://a.example/issues/x/p.png) d a@b.example bad

        raw & bold

        a | b
        1 | 2

        * * *

        Note[1].

        [1] Foot.
        "#);
    }

    #[test]
    fn depth_ends_nothing() {
        let base = Url::parse("https://a.example/").expect("an address");
        for mark in ["> ", "- ", "*a ", "[a", "![a"] {
            assert!(text(&format!("{}x", mark.repeat(20_000)), &Targets::new(), &base).contains('x'));
        }
    }
}
