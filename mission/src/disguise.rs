//! Characters that make a line say something else than what a person sees: invisible ones, ones that turn the direction of
//! writing, letters of one script among those of another. Such a line is never carried out; the human is told which
//! character it is.
//!
//! Must stay true: nothing here repairs a line. What was meant is the human's to say.

use std::collections::HashSet;

use unicode_script::{Script, UnicodeScript};
use unicode_security::{GeneralSecurityProfile, skeleton};

/// The first character of `text` that hides what the line says, in words; `None` when a person sees what is there.
pub(crate) fn disguise(text: &str) -> Option<String> {
    // Most lines are printable ASCII, which hides nothing.
    if text.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) {
        return None;
    }
    hidden(text).or_else(|| mixed(text))
}

/// `text` with every hidden character named in its place, like `[U+202E]`: fit to be shown to a person.
pub fn shown(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, c) in chars.iter().enumerate() {
        match hidden_name(&chars, at) {
            Some(_) => out.push_str(&format!("[U+{:04X}]", u32::from(*c))),
            None => out.push(*c),
        }
    }
    out
}

/// `text` in which nothing opens or closes a comment of Markdown, whatever stands there: `<!--` and `-->` lose a dash.
pub fn unmarked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // What a dash that was left out would have made anew is looked at with each character.
        if c == '-' && out.ends_with("<!-") {
            continue;
        }
        if c == '>' {
            while out.ends_with("--") {
                out.pop();
            }
        }
        out.push(c);
    }
    out
}

/// Whether all that stands there is plain: no letter outside of ASCII and no mark on one. Typographic marks and emoji are.
pub(crate) fn in_plain_letters(text: &str) -> bool {
    let mark = |c: char| c.script() == Script::Inherited && !matches!(c, '\u{200d}' | '\u{fe0f}');
    text.chars().all(|c| c.is_ascii() || !(c.is_alphanumeric() || mark(c)))
}

fn hidden(text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let (at, name) = (0..chars.len()).find_map(|at| Some((at, hidden_name(&chars, at)?)))?;
    let before: String = chars[..at].iter().collect();
    let place = match before.split_whitespace().next_back() {
        Some(word) => format!("behind “{}”", shown(word)),
        None => "at its start".to_owned(),
    };
    Some(format!("{name} (U+{:04X}) stands {place}", u32::from(chars[at])))
}

/// What kind of hidden character stands at `at`, if one does. Joiners and selectors count only where no emoji and no script
/// needs them.
fn hidden_name(chars: &[char], at: usize) -> Option<&'static str> {
    let before = at.checked_sub(1).map(|at| chars[at]);
    let after = chars.get(at + 1).copied();
    // Beside ASCII a joiner joins nothing; between emoji, or letters of Persian or Hindi, it does.
    let joins = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace() && c.script() != Script::Latin);
    match chars[at] {
        '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => Some("a character that turns the direction of writing"),
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202c}' | '\u{2066}'..='\u{2069}' => Some("a hidden mark for the direction of writing"),
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{180e}' => Some("a character without width"),
        '\u{200c}' | '\u{200d}' if !(joins(before) && joins(after)) => Some("a joiner that joins nothing"),
        '\u{ad}' => Some("a hidden hyphen"),
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => Some("a letter that can't be seen"),
        '\u{fff9}'..='\u{fffb}' => Some("a hidden annotation mark"),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' if !varies(before, after) => Some("a variation mark that varies nothing"),
        '\u{e0000}'..='\u{e007f}' if !in_a_flag(&chars[..at]) => Some("a hidden tag letter"),
        c if c.is_control() && c != '\t' => Some("a control character"),
        _ => None,
    }
}

/// A variation mark belongs behind an emoji or a sign, or between a digit and its key cap.
fn varies(before: Option<char>, after: Option<char>) -> bool {
    match before {
        Some('0'..='9' | '#' | '*') => after == Some('\u{20e3}'),
        Some(c) => !c.is_ascii() && !c.is_whitespace() && c.script() != Script::Latin,
        None => false,
    }
}

/// Tag letters are seen only as part of a flag: a black flag, then at most seven tags.
fn in_a_flag(before: &[char]) -> bool {
    before.iter().rev().take(7).find(|c| !('\u{e0000}'..='\u{e007f}').contains(*c)) == Some(&'\u{1f3f4}')
}

/// A word in which a letter passes for another: of another script, or in another dress.
fn mixed(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().any(char::is_alphabetic)).collect();
    words.iter().find_map(|word| mixed_word(word)).or_else(|| masked(&words))
}

fn mixed_word(word: &str) -> Option<String> {
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let latin = letters.iter().any(|c| c.script() == Script::Latin);
    let strange = letters.iter().copied().find(|c| match c.script() {
        // Latin and common letters that Unicode keeps out of names: full width, small capitals, mathematical bold.
        Script::Latin | Script::Common => letters.len() > 1 && !c.is_ascii() && !c.identifier_allowed() && passes_for_ascii(*c),
        Script::Cyrillic => latin,
        _ => latin && passes_for_ascii(*c),
    })?;
    let kind = match strange.script() {
        Script::Latin | Script::Common => "a letter that only looks like a plain one".to_owned(),
        script => format!("a {} letter among Latin ones", script.full_name()),
    };
    Some(format!("“{strange}” (U+{:04X}) in “{}” is {kind}", u32::from(strange), shown(word)))
}

/// A word all of whose letters pass for plain ones, beside plain words, in a line with no other word of its script.
fn masked(words: &[&str]) -> Option<String> {
    if !words.iter().any(|word| word.chars().any(|c| c.is_ascii_alphabetic())) {
        return None;
    }
    let script = |word: &str| word.chars().find(|c| c.is_alphabetic()).map(|c| c.script());
    let passes = |word: &str| word.chars().all(|c| !c.is_alphabetic() || passes_for_ascii(c));
    let openly: HashSet<Script> = words.iter().filter(|word| !passes(word)).filter_map(|word| script(word)).collect();
    let masks = |word: &&&str| {
        let script = script(word).filter(|script| !matches!(script, Script::Latin | Script::Common | Script::Inherited));
        // A single Greek letter is a sign of a formula.
        let sign = script == Some(Script::Greek) && word.chars().count() == 1;
        script.is_some_and(|script| !openly.contains(&script)) && !sign && passes(word)
    };
    let word = words.iter().find(masks)?;
    let first = word.chars().find(|c| c.is_alphabetic())?;
    let script = first.script().full_name();
    Some(format!("“{word}” (U+{:04X} and on) is written in {script} letters that pass for Latin ones", u32::from(first)))
}

/// Whether a letter outside of ASCII looks like letters of ASCII (UTS 39, confusables).
fn passes_for_ascii(c: char) -> bool {
    let mut buffer = [0; 4];
    let mut like = skeleton(c.encode_utf8(&mut buffer)).peekable();
    !c.is_ascii() && like.peek().is_some() && like.all(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_sees_is_no_disguise() {
        for text in [
            "Post issue 45 to Mastodon",
            "Publish “Café — naïve, Übergröße”, №\u{a0}14 … ✓",
            "🏳️‍🌈 Ship it 1️⃣ 👩‍💻 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} ℹ️ ™",
            "Написать о выпуске 45 в Mastodon",
            "Рассылка: с нового года",
            "می\u{200c}خواهم نامه ۴۵ را بفرستم",
            "क्\u{200d}ष पत्र भेजें",
            "Rustで書いた手紙をMastodonへ",
            "Mastodon에 45호 올리기",
            "Compute Δt for 5 kΩ and 3 µs, then α = 2",
            "1ª edición, nº 4",
            "Tab\there",
        ] {
            assert_eq!(disguise(text), None, "{text}");
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn a_mark_that_another_hid_is_none_either() {
        for (text, plain) in [
            ("<!-- a -->", "<!- a ->"),
            ("<!--- /reveille --->", "<!- /reveille ->"),
            ("<!----> a -- b - c", "<!-> a -- b - c"),
            ("<!<!----", "<!<!-"),
        ] {
            assert_eq!(unmarked(text), plain);
        }
    }

    #[test]
    fn what_hides_is_named() {
        for (text, named) in [
            ("Post issue 45 to Mast\u{43e}don", "“о” (U+043E) in “Mastоdon” is a Cyrillic letter among Latin ones"),
            ("D\u{43e}n't post issue 45 to Mastodon", "(U+043E)"),
            ("Post issue 45 to Mastodon n\u{435}\u{435}ds:human", "Cyrillic"),
            ("Post to M\u{3b1}stodon", "Greek letter"),
            ("Post to Mast\u{585}don", "Armenian letter"),
            ("Post to Масtodon", "Cyrillic"),
            ("Post issue 45 to Mastodon \u{578}\u{585}", "Armenian letters that pass for Latin ones"),
            ("Post issue 45 on \u{445}", "Cyrillic letters that pass"),
            ("Post issue 45 on Lin\u{212a}edin", "only looks like a plain one"),
            ("Post issue 45 to Ｍastodon", "only looks like a plain one"),
            ("𝗗𝗼𝗻'𝘁 post issue 45 to Mastodon", "only looks like a plain one"),
            ("Post issue 45 to Mast\u{1d0f}don", "only looks like a plain one"),
            ("Post issue 4\u{200b}5 to Mastodon", "without width (U+200B) stands behind “4”"),
            ("\u{202e}nodotsaM ot 54 eussi tsoP", "turns the direction of writing (U+202E) stands at its start"),
            ("Post issue 45\u{2066} to Mastodon\u{2069}", "U+2066"),
            ("Post issue 45 to Mastodon\u{200f}", "U+200F"),
            ("Mast\u{ad}odon", "hidden hyphen (U+00AD) stands behind “Mast”"),
            ("Mast\u{200d}odon", "a joiner that joins nothing"),
            ("Mast\u{fe0f}odon", "a variation mark"),
            ("4\u{fe0f}5", "a variation mark"),
            ("Mast\u{3164}odon", "a letter that can't be seen"),
            ("Post\u{e0064}\u{e006f}\u{e006e} issue 45", "a hidden tag letter"),
            ("\u{1b}[2JPost issue 45", "a control character (U+001B)"),
        ] {
            let said = disguise(text).unwrap_or_else(|| panic!("{text:?} passes"));
            assert!(said.contains(named), "{text:?}: {said}");
            let unseen = |c: char| c.is_control() || ('\u{2000}'..='\u{206f}').contains(&c) && !matches!(c, '“' | '”');
            assert!(!said.contains(unseen), "{said:?}");
        }
    }

    #[test]
    fn plain_letters_are_those_of_ascii() {
        for (text, plain) in
            [("🚀 Post issue 45 → “x” — now", true), ("Post issue 45 für alle", false), ("if\u{336}", false), ("ıf", false)]
        {
            assert_eq!(in_plain_letters(text), plain, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn ascii_hides_nothing_and_an_invisible_character_never_passes(text in "[ -~]{0,40}", at in 0usize..40, which in 0usize..8) {
            proptest::prop_assert_eq!(disguise(&text), None);
            let hidden = ['\u{200b}', '\u{200d}', '\u{200e}', '\u{202e}', '\u{2067}', '\u{feff}', '\u{ad}', '\u{fe0e}'][which];
            // A variation mark belongs behind a digit with a key cap only, and ASCII has none.
            let at = at.min(text.len());
            let text = format!("{}{hidden}{}", &text[..at], &text[at..]);
            proptest::prop_assert!(disguise(&text).is_some());
            proptest::prop_assert!(disguise(&shown(&text)).is_none());
        }
    }
}
