//! Markdown (GFM) to HTML that may stand on a page, and what a text refers to.
//!
//! Must stay true: all HTML leaves through the cleaner, also what the author wrote as HTML; `scan` and `html` see the same
//! document.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write};
use std::sync::LazyLock;

use comrak::html::{ChildRendering, Context, format_document_with_formatter, format_node_default};
use comrak::nodes::{AstNode, Node, NodeValue};
use comrak::options::Plugins;
use comrak::{Anchorizer, Arena, Options, parse_document};
use serde::{Deserialize, Serialize};

/// Words that a person reads in a minute: a slow, ordinary pace.
const WORDS_A_MINUTE: usize = 220;
/// How much of the first paragraph is kept for the home page, in characters.
const OPENING: usize = 600;

/// A link or a picture as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// Its line in the file, from 1.
    pub(crate) line: usize,
    /// Where it points.
    pub(crate) to: String,
}

/// What a text holds beside its words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// Links, in order.
    pub(crate) links: Vec<Reference>,
    /// Pictures, in order.
    pub(crate) pictures: Vec<Reference>,
    /// Pictures in raw HTML: they are not copied.
    pub(crate) raw_pictures: Vec<usize>,
    /// The names that a fragment can point at.
    pub(crate) anchors: Vec<String>,
    /// The first paragraph, as plain text.
    pub(crate) opening: String,
    /// How long it takes to read, in minutes, at least 1.
    pub(crate) minutes: usize,
}

/// What a reference became.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Target {
    /// An address, relative to the page or absolute.
    Address(String),
    /// A picture that was copied, with its size in pixels if that is known.
    Picture {
        /// Its address.
        address: String,
        /// Width and height.
        size: Option<(usize, usize)>,
    },
    /// Nothing that a reader can open: only its words stay.
    Nowhere,
}

/// What the references of a text became, by how they were written. One that is not here stays as it is.
pub(crate) type Targets = BTreeMap<String, Target>;

pub(super) static OPTIONS: LazyLock<Options<'static>> = LazyLock::new(|| {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    // The cleaner below decides about raw HTML.
    options.render.r#unsafe = true;
    options
});

static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(cleaner);

fn cleaner() -> ammonia::Builder<'static> {
    let mut cleaner = ammonia::Builder::default();
    cleaner
        .add_tags(["section"])
        .add_generic_attributes(["id", "class"])
        .add_tag_attributes("a", ["aria-label"])
        .add_tag_attributes("div", ["role", "aria-label", "tabindex"])
        .add_tag_attributes("span", ["role", "aria-label"])
        .add_tag_attributes("img", ["loading"])
        // What is wider than the screen is scrolled by itself, also with the keyboard.
        .set_tag_attribute_value("pre", "tabindex", "0")
        // Nothing opens in a new window here, and other sites may know where their readers come from.
        .link_rel(None);
    cleaner
}

/// What the text refers to. `first_line` is the line of the file on which it begins.
pub(crate) fn scan(text: &str, first_line: usize) -> Scan {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &OPTIONS);
    let mut scan = Scan::default();
    let mut words = 0;
    for node in root.descendants() {
        let data = node.data();
        let line = first_line + data.sourcepos.start.line.saturating_sub(1);
        match &data.value {
            NodeValue::Link(link) => scan.links.push(Reference { line, to: link.url.clone() }),
            NodeValue::Image(picture) => scan.pictures.push(Reference { line, to: picture.url.clone() }),
            NodeValue::HtmlBlock(block) if has_picture(&block.literal) => scan.raw_pictures.push(line),
            NodeValue::HtmlInline(html) if has_picture(html) => scan.raw_pictures.push(line),
            NodeValue::FootnoteReference(note) => scan.anchors.push(format!("fn-{}", note.name)),
            NodeValue::Text(text) => words += text.split_whitespace().count(),
            NodeValue::Paragraph if scan.opening.is_empty() && is_prose(node, root) => {
                scan.opening = shortened(node.collect_text().trim(), OPENING);
            }
            _ => {}
        }
    }
    scan.anchors.extend(heading_ids(root));
    scan.minutes = words.div_ceil(WORDS_A_MINUTE).max(1);
    scan
}

/// Whether a paragraph stands in the text itself and does not begin with a picture.
fn is_prose<'a>(paragraph: Node<'a>, root: Node<'a>) -> bool {
    let picture = paragraph.first_child().is_some_and(|first| matches!(first.data().value, NodeValue::Image(_)));
    !picture && paragraph.parent().is_some_and(|parent| parent.same_node(root))
}

fn has_picture(html: &str) -> bool {
    html.to_ascii_lowercase().contains("<img")
}

/// The text up to a number of characters, cut between words.
fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            let cut = text[..end].rfind(char::is_whitespace).unwrap_or(end);
            format!("{}…", text[..cut].trim_end_matches([' ', ',', ';', ':', '.', '–', '—']))
        }
    }
}

/// The ids of the headings, in order; empty where a heading has no letters.
fn heading_ids<'a>(root: Node<'a>) -> Vec<String> {
    let mut anchors = Anchorizer::new();
    root.descendants()
        .filter(|node| matches!(node.data().value, NodeValue::Heading(_)))
        .map(|node| node.collect_text())
        .map(|text| if text.chars().any(char::is_alphanumeric) { anchors.anchorize(&text) } else { String::new() })
        .collect()
}

/// The state of one rendering.
struct Page<'t> {
    targets: &'t Targets,
    heading_ids: VecDeque<String>,
    /// By how much headings go down, so that the page's title stays the only one of its level.
    deeper: u8,
}

/// The text as clean HTML.
pub(crate) fn html(text: &str, targets: &Targets) -> String {
    let arena = Arena::new();
    let root = parse_document(&arena, text, &OPTIONS);
    let has_title = root.descendants().any(|node| matches!(&node.data().value, NodeValue::Heading(heading) if heading.level == 1));
    let page = Page { targets, heading_ids: heading_ids(root).into(), deeper: u8::from(has_title) };
    let mut raw = String::with_capacity(text.len() * 2);
    // Writing to a string does not fail.
    let _ = format_document_with_formatter(root, &OPTIONS, &mut raw, &Plugins::default(), format_node, page);
    CLEANER.clean(&raw).to_string()
}

/// Clean HTML with every address made absolute, for feeds.
pub(crate) fn absolute(html: &str, base: &url::Url) -> String {
    let mut cleaner = cleaner();
    cleaner.url_relative(ammonia::UrlRelative::RewriteWithBase(base.clone()));
    cleaner.clean(html).to_string()
}

fn format_node<'a>(context: &mut Context<'_, '_, Page<'_>>, node: &'a AstNode<'a>, entering: bool) -> Result<ChildRendering, fmt::Error> {
    match &node.data().value {
        NodeValue::Heading(heading) => format_heading(context, heading.level, entering),
        NodeValue::Link(link) => match context.user.targets.get(&link.url) {
            None => format_node_default(context, node, entering),
            Some(Target::Address(address) | Target::Picture { address, .. }) => {
                let address = address.clone();
                format_link(context, &address, &link.title, entering)
            }
            Some(Target::Nowhere) => Ok(ChildRendering::HTML),
        },
        NodeValue::Image(picture) => format_picture(context, &picture.url, &picture.title, entering),
        NodeValue::TaskItem(item) => format_task(context, item.symbol.is_some(), entering),
        NodeValue::Table(_) => {
            // A wide table is scrolled by itself, also with the keyboard, and the page stays as narrow as the screen.
            if entering {
                context.write_str("<div class=\"scroll\" role=\"region\" aria-label=\"table\" tabindex=\"0\">")?;
            }
            let children = format_node_default(context, node, entering)?;
            if !entering {
                context.write_str("</div>\n")?;
            }
            Ok(children)
        }
        _ => format_node_default(context, node, entering),
    }
}

fn format_heading(context: &mut Context<'_, '_, Page<'_>>, level: u8, entering: bool) -> Result<ChildRendering, fmt::Error> {
    let level = (level + context.user.deeper).min(6);
    if entering {
        let id = context.user.heading_ids.pop_front().unwrap_or_default();
        write!(context, "\n<h{level}")?;
        if !id.is_empty() {
            context.write_str(" id=\"")?;
            context.escape(&id)?;
            context.write_str("\"")?;
        }
        context.write_str(">")?;
    } else {
        writeln!(context, "</h{level}>")?;
    }
    Ok(ChildRendering::HTML)
}

fn format_link(context: &mut Context<'_, '_, Page<'_>>, address: &str, title: &str, entering: bool) -> Result<ChildRendering, fmt::Error> {
    if entering {
        context.write_str("<a href=\"")?;
        context.escape_href(address)?;
        format_title(context, title)?;
        context.write_str("\">")?;
    } else {
        context.write_str("</a>")?;
    }
    Ok(ChildRendering::HTML)
}

fn format_title(context: &mut Context<'_, '_, Page<'_>>, title: &str) -> fmt::Result {
    if !title.is_empty() {
        context.write_str("\" title=\"")?;
        context.escape(title)?;
    }
    Ok(())
}

fn format_picture(context: &mut Context<'_, '_, Page<'_>>, url: &str, title: &str, entering: bool) -> Result<ChildRendering, fmt::Error> {
    let (address, size) = match context.user.targets.get(url) {
        None => (url.to_owned(), None),
        Some(Target::Address(address)) => (address.clone(), None),
        Some(Target::Picture { address, size }) => (address.clone(), *size),
        // What the picture shows still stands there in words.
        Some(Target::Nowhere) => {
            context.write_str(if entering { "<em>" } else { "</em>" })?;
            return Ok(if entering { ChildRendering::Plain } else { ChildRendering::HTML });
        }
    };
    if entering {
        context.write_str("<img src=\"")?;
        context.escape_href(&address)?;
        context.write_str("\" alt=\"")?;
        return Ok(ChildRendering::Plain);
    }
    format_title(context, title)?;
    if let Some((width, height)) = size {
        write!(context, "\" width=\"{width}\" height=\"{height}")?;
    }
    context.write_str("\" loading=\"lazy\">")?;
    Ok(ChildRendering::HTML)
}

fn format_task(context: &mut Context<'_, '_, Page<'_>>, done: bool, entering: bool) -> Result<ChildRendering, fmt::Error> {
    if entering {
        let (mark, label) = if done { ('☑', "done") } else { ('☐', "open") };
        write!(context, "<li class=\"task\"><span role=\"img\" aria-label=\"{label}\">{mark}</span> ")?;
    } else {
        context.write_str("</li>\n")?;
    }
    Ok(ChildRendering::HTML)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        html(text, &Targets::new())
    }

    #[test]
    fn markdown_becomes_semantic_html() {
        insta::assert_snapshot!(plain("# One\n\n## Ticks aren't in\n\nA[^1] ~~b~~ https://x.example\n\n- [x] c\n- [ ] d\n\n| a | b |\n|--|-:|\n| 1 | 2 |\n\n[^1]: Note.\n").trim(), @r##"
        <h2 id="one">One</h2>

        <h3 id="ticks-arent-in">Ticks aren't in</h3>
        <p>A<sup class="footnote-ref"><a href="#fn-1" id="fnref-1">1</a></sup> <del>b</del> <a href="https://x.example">https://x.example</a></p>
        <ul>
        <li class="task"><span role="img" aria-label="done">☑</span> c</li>
        <li class="task"><span role="img" aria-label="open">☐</span> d</li>
        </ul>
        <div class="scroll" role="region" aria-label="table" tabindex="0">
        <table>
        <thead>
        <tr>
        <th>a</th>
        <th align="right">b</th>
        </tr>
        </thead>
        <tbody>
        <tr>
        <td>1</td>
        <td align="right">2</td>
        </tr>
        </tbody>
        </table>
        </div>
        <section class="footnotes">
        <ol>
        <li id="fn-1">
        <p>Note. <a href="#fnref-1" class="footnote-backref" aria-label="Back to reference 1">↩</a></p>
        </li>
        </ol>
        </section>
        "##);
    }

    #[test]
    fn what_commands_a_browser_is_taken_out() {
        for text in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "![x](javascript:alert(1))",
            "<a href=\"java&#115;cript:alert(1)\">x</a>",
            "<iframe src=https://x.example></iframe>",
            "<style>body{display:none}</style>",
            "<form action=https://x.example><input name=q></form>",
            "<p style=\"position:fixed\" onclick=alert(1)>x</p>",
            "<svg><script>alert(1)</script></svg>",
            "[x](data:text/html,<script>alert(1)</script>)",
            "<!-- a comment -->",
        ] {
            let html = plain(text);
            for bad in [
                "<script",
                "onerror",
                "onclick",
                "javascript:",
                "alert(1)\"",
                "<iframe",
                "<style",
                "<form",
                "<input",
                "style=",
                "data:",
                "<!--",
            ] {
                assert!(!html.contains(bad), "{text} gave {html}");
            }
        }
    }

    #[test]
    fn references_become_what_they_were_resolved_to() {
        let targets = Targets::from([
            ("a.md".to_owned(), Target::Address("../a/#b\"c".to_owned())),
            ("draft.md".to_owned(), Target::Nowhere),
            ("gone.png".to_owned(), Target::Nowhere),
            ("p.png".to_owned(), Target::Picture { address: "p.png".to_owned(), size: Some((640, 480)) }),
        ]);
        insta::assert_snapshot!(html("[x *y*](a.md) [z](draft.md) ![a \"b\"](p.png \"t\") ![what it shows](gone.png)", &targets),
            @r#"<p><a href="../a/#b%22c">x <em>y</em></a> z <img src="p.png" alt="a &quot;b&quot;" title="t" width="640" height="480" loading="lazy"> <em>what it shows</em></p>"#);
    }

    #[test]
    fn what_a_text_refers_to_is_found_with_its_line() {
        let scan = scan("![p](a.png)\n\nFirst [l](b.md).\n\n```\n[no](c.md)\n```\n\n## Same\n\n## Same\n\n<img src=x.png>\n", 5);
        assert_eq!(scan.links, [Reference { line: 7, to: "b.md".into() }]);
        assert_eq!(scan.pictures, [Reference { line: 5, to: "a.png".into() }]);
        assert_eq!(scan.raw_pictures, [17]);
        assert_eq!(scan.anchors, ["same", "same-1"]);
        assert_eq!(scan.opening, "First l.");
        assert_eq!(shortened("one two, three", 9), "one two…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }

    #[test]
    fn a_feed_has_absolute_addresses() {
        let base = "https://a.example/issues/x/".parse().expect("an address");
        let html = absolute("<p><a href=\"../y/#z\">y</a> <a href=\"#n\">n</a> <img src=\"p.png\" alt=\"\"></p>", &base);
        insta::assert_snapshot!(html, @r##"<p><a href="https://a.example/issues/y/#z">y</a> <a href="https://a.example/issues/x/#n">n</a> <img src="https://a.example/issues/x/p.png" alt=""></p>"##);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_rendered_without_script(text in "(\\PC|\n|<|\\[|\\]|\\(|\\)|!|`|\\|){0,80}") {
            let html = plain(&text);
            proptest::prop_assert!(!html.contains("<script"));
            let _ = scan(&text, 1);
        }
    }
}
