//! The readers of this home: those of readers.csv and those who came by the site, in the tiers of the settings.
//!
//! Must stay true: whoever counts or mails readers takes this list.

use std::collections::HashMap;

use reveille_memory::{Memory, SuppressedFor};
use reveille_skills::readers::{Counts, Readers, ReadersError, SuppressedIds};

use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::settings::Settings;

/// The list, to look at it. A home without memory has those of readers.csv only.
pub(crate) fn readers(home: &Home, settings: &Settings, memory: Option<&Memory>) -> Outcome<Readers> {
    with_site(Readers::load(home.root(), &settings.owner).or_fail()?, settings, memory)
}

/// The list as a human sees it: who is not mailed is among them, with the reason.
pub(crate) fn readers_to_show(home: &Home, settings: &Settings, memory: Option<&Memory>) -> Outcome<Readers> {
    shown(Readers::load(home.root(), &settings.owner).or_fail()?, settings, memory)
}

fn shown(listed: Readers, settings: &Settings, memory: Option<&Memory>) -> Outcome<Readers> {
    Ok(with_site(listed, settings, memory)?.without_letters_to(silent(settings, memory)?))
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
        Ok(listed) => Ok(Ok(shown(listed, settings, memory)?.counts(&suppressed(memory)?))),
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
    ids.extend(silent(settings, memory)?);
    Ok(ids)
}

/// For whom letters have ended, because they stayed silent.
fn silent(settings: &Settings, memory: Option<&Memory>) -> Outcome<SuppressedIds> {
    let memory = memory.filter(|_| settings.retain.sunset().is_some());
    Ok(memory.map_or(Ok(HashMap::new()), Memory::sunsets).or_fail()?.into_keys().collect())
}

/// Tells memory what readers.csv says of people, for the site, which answers without the file. A file that can't be read leaves what
/// was told as it is.
pub(crate) fn tell(home: &Home, settings: &Settings, memory: &mut Memory) -> Outcome {
    let listed = match Readers::load(home.root(), &settings.owner) {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!("the site goes on with what readers.csv said before: {error}");
            return Ok(());
        }
    };
    memory.carry_over(listed.rows().iter().map(|row| row.email.as_str())).or_fail()?;
    let all = memory.suppressed().or_fail()?;
    let mut own_leaving = memory.came_back().or_fail()?;
    own_leaving.extend(all.iter().filter(|one| one.why == SuppressedFor::Left).map(|one| one.subscriber.clone()));
    let suppressed = all.into_iter().map(|one| one.subscriber).collect();
    memory.tell_listed(&listed.standings(&suppressed, &own_leaving)).or_fail()?;
    Ok(())
}
