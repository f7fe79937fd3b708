//! Whether a line is in the language of the corpus. A sentence encoder trained on English gives a German line some vector too,
//! and the heads are sure of it; better no word than a wrong one.
//!
//! A guess by letter groups alone takes one English line in seven for another language, for lines are short and full of names.
//! So two signs are asked for: the guess, and that the corpus does not know most of the words. Measured in `models/README.md`.

use whatlang::{Lang, Script, detect_lang, detect_script};

/// At least this share of the words must be known, whatever the guess.
const KNOWN: f32 = 0.5;

/// Whether the line is in another language than the corpus. `known` says of a word in lower case whether the corpus has it.
pub(crate) fn is_foreign(text: &str, known: &dyn Fn(&str) -> bool) -> bool {
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().any(char::is_alphabetic))
        .map(str::to_lowercase)
        .collect();
    let strange = words.iter().filter(|word| !known(word)).count();
    #[expect(clippy::cast_precision_loss, reason = "a line has few words")]
    let mostly_strange = strange as f32 > (1.0 - KNOWN) * words.len() as f32;
    // One strange word in Latin letters may be a name; a line without spaces in other letters is not.
    let enough = words.len() > 1 || detect_script(text) != Some(Script::Latin);
    // No guess at all means letters that no language of the guesser has.
    mostly_strange && enough && detect_lang(text) != Some(Lang::Eng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signs_are_needed() {
        let known = |word: &str| ["send", "the", "letter", "to", "all", "newsletter", "backup"].contains(&word);
        for english in [
            "Send the letter to all",
            "send",
            "Wunderlich!",
            "",
            "🦀",
            "45!",
            "Send the Zeitung to all",
            "Refurbish windmill gearboxes thoroughly",
        ] {
            assert!(!is_foreign(english, &known), "{english}");
        }
        for other in [
            "Den Newsletter an alle Leserinnen verschicken",
            "ニュースレターを送る",
            "Отправить письмо читателям",
            "Envoyer la lettre aux abonnés",
        ] {
            assert!(is_foreign(other, &known), "{other}");
        }
    }
}
