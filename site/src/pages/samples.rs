//! What each page is filled in with, as examples: all that a template may use, each with its turns.
//!
//! Must stay true: a page that is shown with something else has it here, too; else a template of the home that uses it is refused.

use minijinja::{Value, context};

/// A token is this long and of these letters.
const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODw";

/// Each page with all that it may be shown with.
pub(super) fn samples() -> Vec<(&'static str, Value)> {
    let question = |name| context! { ask => "Longer letters?", choices => ["yes", "no"], name };
    let topic = |chosen| context! { name => "fog", chosen };
    let preferences = |frequency: &str, ended: Option<&str>, paused_until: Option<&str>, topics: Vec<Value>, kept: bool| {
        context! { title => "Your preferences", token => TOKEN, kept, ended, frequency, paused_until, topics }
    };
    vec![
        ("notice.html", context! { title => "Thank you", text => "It is kept." }),
        ("signup.html", context! { title => "Subscribe", said => "", hint => "" }),
        ("signup.html", context! { title => "Subscribe", said => "This link is too old", hint => "Ask for a new one here." }),
        ("confirm.html", context! { title => "One more step", ended => false }),
        ("confirm.html", context! { title => "Your letters have ended", ended => true }),
        ("survey.html", context! { title => "Two questions", questions => [question("first"), question("second")] }),
        ("leave.html", context! { title => "Leave?", token => TOKEN }),
        ("left.html", context! { title => "You have left" }),
        ("expired.html", context! { title => "This link has expired" }),
        ("preferences.html", preferences("each", None, None, vec![], false)),
        ("preferences.html", preferences("weekly", None, Some("2026-12-20"), vec![topic(true)], true)),
        ("preferences.html", preferences("weekly", Some("2026-11-20"), None, vec![topic(false)], true)),
        ("preferences.html", preferences("each", Some("2026-11-20"), Some("2026-12-20"), vec![topic(true), topic(false)], false)),
    ]
}

/// The names that a template may use, in words. What others extend may use what all pages have.
pub(super) fn known(template: &str) -> String {
    let mut names = vec!["publication".to_owned()];
    let sample = samples().into_iter().find(|(name, _)| *name == template).map_or_else(|| context! { title => "" }, |(_, sample)| sample);
    names.extend(sample.try_iter().into_iter().flatten().map(|name| name.to_string()));
    names[1..].sort();
    let last = names.pop().unwrap_or_default();
    format!("{} and {last}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::*;

    fn publication() -> Publication {
        let url = "https://letter.example/".parse().expect("an address");
        Publication { name: "The Letter".into(), url, language: "en".into(), description: None }
    }

    fn tried(own: &Path) -> Result<(), PageError> {
        Pages::load(own, &publication()).and_then(|pages| pages.try_all())
    }

    #[test]
    fn every_page_that_the_program_carries_has_samples_and_can_be_filled_in() {
        assert_eq!(tried(Path::new("/nowhere")), Ok(()));
        for (name, _) in CARRIED {
            assert!(*name == "reader.html" || samples().iter().any(|(sample, _)| sample == name), "{name} is not tried");
        }
    }

    #[test]
    fn a_page_of_the_home_that_fails_for_some_readers_only_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = |name: &str, source: &[u8]| {
            std::fs::write(folder.path().join(name), source).expect("written");
            let wrong = tried(folder.path()).expect_err("wrong");
            std::fs::remove_file(folder.path().join(name)).expect("removed");
            wrong
        };
        let wrong = own("preferences.html", b"<form method=post>\n{% for topic in topics %}{{ topic.nmae }}{% endfor %}");
        assert_eq!(wrong.to_string(), "templates/preferences.html:2: a variable that is not there");
        let hint = wrong.hint().expect("a hint");
        assert!(hint.starts_with("it may use publication, ended, frequency, kept, paused_until, title, token and topics; "), "{hint}");
        assert!(own("confirm.html", b"<p>Thank you").to_string().ends_with("readers could not go on"));
        assert!(own("reader.html", b"\n\n{{ nobody }}").to_string().starts_with("templates/reader.html:3: "));
        assert!(own("confirm.html", b"{% if ended %}").to_string().starts_with("templates/confirm.html:1: "));
        assert!(own("notice.html", b"Gr\xfc\xdfe").to_string().starts_with("templates/notice.html:1: it can't be read: "));
        // The form on the pages of the publication is another template.
        std::fs::write(folder.path().join("subscribe.html"), "<form action=\"{{ page.root }}subscribe\"></form>").expect("written");
        assert_eq!(tried(folder.path()), Ok(()));
    }
}
