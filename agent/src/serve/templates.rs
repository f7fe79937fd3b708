//! The home's own templates of pages and mails, tried with sample values: at the start of the server and by `doctor`, not when a
//! stranger has signed up.

use reveille_memory::WantedFor;
use reveille_site::{Pages, Publication};
use reveille_skills::channels::email::try_words;
use reveille_skills::shelf;

use crate::act::publication;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::observe::Scene;
use crate::settings::Settings;

/// What the pages say of the publication.
pub(crate) fn of_pages(settings: &Settings) -> Publication {
    Publication {
        name: settings.name.clone(),
        url: settings.url.clone(),
        language: settings.language.clone(),
        description: settings.description.clone(),
    }
}

/// The pages, each filled in once.
///
/// # Errors
/// A template of the home is wrong.
pub(crate) fn pages(home: &Home, settings: &Settings) -> Outcome<Pages> {
    let pages = Pages::load(&home.root().join("templates"), &of_pages(settings)).and_then(|pages| pages.try_all().map(|()| pages));
    pages.or_fail().map_err(of_settings)
}

/// The mails that readers ask for, each written once; nothing without a channel that they would go out by.
///
/// # Errors
/// A template of the home is wrong.
pub(crate) fn words(scene: &Scene<'_>) -> Outcome {
    if scene.settings.channels.email.is_none() {
        return Ok(());
    }
    // What a welcome can't name it leaves out, and that is said when it is sent.
    let start = shelf::starts(scene.home.root()).unwrap_or_default();
    let (templates, publication) = (scene.home.root().join("templates"), publication(scene));
    for kind in [WantedFor::Confirm, WantedFor::Known, WantedFor::Welcome] {
        try_words(&templates, &publication, kind, &start).or_fail().map_err(of_settings)?;
    }
    Ok(())
}

/// Templates are the author's, as settings are: whoever starts the program has to mend them first.
fn of_settings(failure: Failure) -> Failure {
    Failure { kind: Kind::Settings, ..failure }
}
