//! The readers of this home: those of readers.csv and those who came by the site, in the tiers of the settings.
//!
//! Must stay true: whoever counts or mails readers takes this list.

use reveille_memory::Memory;
use reveille_skills::readers::{Counts, Readers, ReadersError, SuppressedIds};

use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::settings::Settings;

/// The list, to look at it. A home without memory has those of readers.csv only.
pub(crate) fn readers(home: &Home, settings: &Settings, memory: Option<&Memory>) -> Outcome<Readers> {
    with_site(Readers::load(home.root(), &settings.owner).or_fail()?, settings, memory)
}

/// The list of readers.csv, and those who came by the site.
fn with_site(listed: Readers, settings: &Settings, memory: Option<&Memory>) -> Outcome<Readers> {
    let listed = listed.in_tiers(settings.tiers.all().clone());
    let Some(memory) = memory else { return Ok(listed) };
    Ok(listed.with(&memory.subscribers().or_fail()?, memory.came_back().or_fail()?))
}

/// The list, counted; one of readers.csv that can't be read counts nobody, and says why.
pub(crate) fn counted(home: &Home, settings: &Settings, memory: Option<&Memory>) -> Outcome<Result<Counts, ReadersError>> {
    match Readers::load(home.root(), &settings.owner) {
        Ok(listed) => Ok(Ok(with_site(listed, settings, memory)?.counts(&not_mailed(settings, memory)?))),
        Err(error) => Ok(Err(error)),
    }
}

/// Who is never mailed again; in a home without memory nobody.
pub(crate) fn suppressed(memory: Option<&Memory>) -> Outcome<SuppressedIds> {
    let all = memory.map_or(Ok(vec![]), Memory::suppressed).or_fail()?;
    Ok(all.into_iter().map(|one| one.subscriber).collect())
}

/// Whom no letter goes to: the suppressed, and readers whose letters have ended because they stayed silent.
pub(crate) fn not_mailed(settings: &Settings, memory: Option<&Memory>) -> Outcome<SuppressedIds> {
    let mut ids = suppressed(memory)?;
    if let Some(memory) = memory.filter(|_| settings.retain.sunset().is_some()) {
        ids.extend(memory.sunsets().or_fail()?.into_keys());
    }
    Ok(ids)
}
