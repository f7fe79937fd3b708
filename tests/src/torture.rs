//! Three hundred issues that break programs which count characters: emoji families, flags, skin tones, writing from right to left
//! with marks, writing without spaces, endless marks, links at the limit, what can't be seen, endless words. Always the same.

/// The words of one such issue, as its author wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torture {
    /// What it holds, for a message of a test: `family 3`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its summary.
    pub summary: String,
    /// Its hooks.
    pub hooks: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// What tortures, by name.
const KINDS: [(&str, &str); 20] = [
    ("family", "👨‍👩‍👧‍👦"),
    ("joined", "🏳️‍🌈🏴‍☠️"),
    ("skin", "👍🏽👩🏿‍🚀"),
    ("flags", "🇩🇪🇫🇷🇯🇵"),
    ("half a flag", "🇩🇪🇫🇷🇮"),
    ("keycaps", "1️⃣#️⃣"),
    ("flag of tags", "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}"),
    ("zalgo", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L"),
    ("hebrew", "שָׁלוֹם עוֹלָם"),
    ("arabic", "مَرْحَبًا بِالعَالَمِ\u{200f}"),
    ("turned", "\u{202e}reversed\u{202c}\u{2066}set apart\u{2069}"),
    ("japanese", "日本語の文章は空白を使いません。"),
    ("korean in letters", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
    ("devanagari", "हिन्दी क्षत्रिय"),
    ("thai", "ภาษาไทยไม่มีช่องว่าง"),
    ("joiners", "می‌خواهم \u{600}\u{200d}\u{301}"),
    ("unseen", "a\u{200b}b\u{feff}c\u{2060}d\u{ad}e"),
    ("halves in escapes", "\\ud83d\\ude00 \\uDEAD &#xd800; %ED%A0%80"),
    ("controls", "\u{7}\u{1b}[2J\u{2028}\u{2029}\u{85}\r\n\tx"),
    ("addresses", "https://other.example/a?b=c#d #tag @me@social.example Node.js"),
];

/// How often each is turned.
const TURNS: usize = 15;

/// All three hundred.
#[must_use]
pub fn torture() -> Vec<Torture> {
    KINDS.iter().enumerate().flat_map(|(at, (name, what))| (0..TURNS).map(move |turn| one(name, what, at, turn))).collect()
}

fn one(name: &str, what: &str, at: usize, turn: usize) -> Torture {
    let hook = hook(what, at, turn);
    let title = if turn % 5 == 4 { format!("{what} ").repeat(60) } else { format!("Told with {what}") };
    let summary = if turn % 3 == 2 { hook.clone() } else { format!("A summary of {what}. It has two sentences, {turn} and {at}.") };
    let hooks = if turn % 7 == 6 { vec![] } else { vec![hook, format!("Another hook with {what}, number {turn}.")] };
    let tags = vec![what.to_owned(), "small web".to_owned(), format!("tag{what}{turn}"), "one two three".to_owned()];
    Torture { name: format!("{name} {turn}"), title, summary, hooks, tags }
}

/// The hook of a turn. Fillings end where channels do: at 280, 300, 500 and 5,000.
fn hook(what: &str, at: usize, turn: usize) -> String {
    let filled = |to: usize| format!("{} {}", "word ".repeat((to - at) / 5), format!("{what} ").repeat(30));
    match turn {
        0 => what.to_owned(),
        1 => format!("{what} ").repeat(40 + at),
        2 => what.repeat(150 + at),
        3 => what.repeat(600),
        4 => format!("{what} ").repeat(2_000),
        5 => format!("Between {what} words {what}.").repeat(12),
        6 => format!("{}{what}", "unbreakable".repeat(60)),
        7 => format!("See https://other.example/{} {what}", "a".repeat(150 + at * 10)),
        8 => format!("One sentence of {what}. And another one, longer than the first, of {what}! ").repeat(9),
        9 => filled(150 + at),
        10 => filled(230 + at),
        11 => filled(430 + at),
        12 => format!("{what}e{} and {what}", "\u{301}\u{323}".repeat(400 + at)),
        13 => KINDS.iter().cycle().skip(at).take(45).map(|(_, other)| format!("{other}{what}")).collect(),
        _ => filled(4_900 + at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_three_hundred_and_no_two_are_alike() {
        let all = torture();
        assert_eq!(all.len(), 300);
        let different: std::collections::HashSet<String> =
            all.iter().map(|one| format!("{:?}{:?}{}", one.hooks, one.summary, one.title)).collect();
        assert_eq!(different.len(), 300);
        assert_eq!(all, torture(), "always the same");
    }
}
