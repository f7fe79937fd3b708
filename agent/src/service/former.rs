//! Where a home lay when a service was installed for it, kept in `memory/service.json`: services know a home by its place, and after
//! a move nobody would find what still starts there.
//!
//! Must stay true: a place where a home lies now is left alone, for then this one was copied and not moved.

use std::path::PathBuf;

use super::Machine;
use crate::environment::Environment;
use crate::failure::Outcome;
use crate::home::Home;
use crate::record::write_whole;

/// The most bytes of a list that is ours.
const MOST: u64 = 64 << 10;

/// What services were given for the places where this home lay before.
pub(crate) fn former<'a>(environment: &'a Environment, home: &Home) -> Vec<Machine<'a>> {
    let left = |root: &PathBuf| root != home.root() && !root.join("reveille.toml").exists();
    read(home).into_iter().filter(left).filter_map(|root| Machine::at(environment, &root, None).ok()).collect()
}

/// Notes this place, before anything is installed for it.
pub(crate) fn note(home: &Home) -> Outcome {
    let mut places = read(home);
    if places.iter().any(|place| place == home.root()) {
        return Ok(());
    }
    places.push(home.root().to_owned());
    Ok(write_whole(&file(home), &serde_json::to_vec(&places)?)?)
}

/// Forgets all places, when nothing is installed for them any more.
pub(crate) fn forget(home: &Home) -> Outcome {
    super::remove(&file(home))
}

/// A list that can't be read names no place.
fn read(home: &Home) -> Vec<PathBuf> {
    let path = file(home);
    let ours = path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MOST);
    let bytes = std::fs::read(path).ok().filter(|_| ours);
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn file(home: &Home) -> PathBuf {
    home.memory().join("service.json")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use reveille_schedules::service::Service;

    use super::super::Place;
    use super::*;

    fn home(root: &Path, environment: &Environment) -> Home {
        std::fs::create_dir_all(root.join("memory")).expect("made");
        std::fs::write(root.join("reveille.toml"), "").expect("written");
        Home::find(Some(root), environment).expect("a home")
    }

    #[test]
    fn the_service_of_a_moved_home_is_found_and_that_of_a_copied_one_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let user = folder.path().join("user");
        let environment = Environment::of(&[("HOME", user.to_str().expect("text"))]);
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let first = home(&old, &environment);
        let machine = Machine::of(&environment, &first, None).expect("a machine");
        note(&first).expect("noted");
        for place in machine.places(Service::Systemd) {
            let Place::File(path) = place else { panic!("{place:?}") };
            super::super::write(&path, "unit").expect("written");
        }
        assert!(former(&environment, &first).is_empty());
        // A copy has the list too.
        let second = home(&new, &environment);
        std::fs::copy(file(&first), file(&second)).expect("copied");
        assert!(former(&environment, &second).is_empty(), "the other home lives");
        std::fs::remove_dir_all(&old).expect("removed");
        note(&second).expect("noted");
        let found = former(&environment, &second);
        assert_eq!(found.iter().map(Machine::label).collect::<Vec<_>>(), [machine.label()]);
        assert_eq!(found[0].installed().expect("looked"), [Service::Systemd]);
        found[0].uninstall(Service::Systemd).expect("removed");
        assert_eq!(machine.installed().expect("looked"), []);
        forget(&second).expect("forgotten");
        assert!(former(&environment, &second).is_empty());
    }
}
