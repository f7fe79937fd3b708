//! What somebody wrote, as plain text that hides nothing: markup taken out, characters that can't be seen named in their place.
//!
//! Must stay true: no control character but the end of a line stays; nothing grows with what was sent beyond its bound.

use mail_parser::decoders::html::html_to_text;
use reveille_mission::shown;

/// The most characters of an answer that are kept.
pub const CHARACTERS: usize = 10_000;

/// The most characters of a name, an address or a Message-ID.
const NAME: usize = 200;

/// The most characters of an excerpt.
const EXCERPT: usize = 100;

/// The most bytes of markup that are looked at.
const MARKUP: usize = 256 << 10;

/// The text of HTML. What a browser would not show (head, style, script, comments) is left out.
pub fn of_html(html: &str) -> String {
    html_to_text(first_bytes(html, MARKUP))
}

/// Plain text, cut, with everything in it to be seen.
pub fn plain(text: &str) -> String {
    let mut cut: String = text.chars().take(CHARACTERS).collect();
    let is_cut = cut.len() < text.len();
    cut = cut.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = cut.lines().map(|line| visible(line).trim_end().to_owned()).collect();
    let mut plain = lines.join("\n").trim_matches('\n').to_owned();
    while plain.contains("\n\n\n") {
        plain = plain.replace("\n\n\n", "\n\n");
    }
    if is_cut {
        plain.push_str("\n\n[cut here]");
    }
    plain
}

/// A name or an address on one line, cut.
pub fn line(text: &str) -> String {
    let cut: String = text.chars().take(NAME).collect();
    visible(&cut.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The first words on one line, without what they quote.
pub fn excerpt(text: &str) -> String {
    let own = text.lines().filter(|line| !line.trim_start().starts_with('>'));
    let words = own.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    let words = if words.is_empty() { text.split_whitespace().collect::<Vec<_>>().join(" ") } else { words };
    let cut: String = words.chars().take(EXCERPT).collect();
    if cut.len() < words.len() { format!("{}…", cut.trim_end()) } else { cut }
}

/// A line with every hidden character named; also those that some programs take for the end of a line.
fn visible(line: &str) -> String {
    shown(line).replace('\u{2028}', "[U+2028]").replace('\u{2029}', "[U+2029]")
}

fn first_bytes(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
