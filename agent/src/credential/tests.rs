//! A refusal holds for one secret of one account, and keeps neither.

use reveille_mission::Channel;

use super::*;
use crate::environment::Environment;
use crate::home::Home;
use crate::settings::Settings;

const SETTINGS: &str = "name = \"N\"\nurl = \"https://n.example\"\nowner = \"o@n.example\"\n[channels.mastodon]\nserver = \"https://s.example\"\ntoken = { env = \"TOKEN\" }\n";

struct World {
    folder: tempfile::TempDir,
    memory: Memory,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("reveille.toml"), "").expect("written");
    let now = "2026-11-20T14:00:00Z".parse().expect("a time");
    let memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
    World { folder, memory }
}

impl World {
    fn with<T>(&mut self, token: &str, server: &str, act: impl FnOnce(&Scene<'_>, &mut Memory) -> T) -> T {
        let environment = Environment::of(&[("TOKEN", token)]);
        let home = Home::find(Some(self.folder.path()), &environment).expect("a home");
        let settings = Settings::parse(&SETTINGS.replace("s.example", server)).expect("settings");
        let now = "2026-11-20T14:00:00Z".parse().expect("a time");
        act(&Scene { home: &home, settings: &settings, environment: &environment, now }, &mut self.memory)
    }

    fn standing(&mut self, token: &str, server: &str) -> Standing {
        self.with(token, server, |scene, memory| standing(scene, Some(memory), Channel::Mastodon)).expect("looked").expect("a secret")
    }
}

#[test]
fn refused_until_the_secret_or_the_account_changes_or_the_server_accepts_it() {
    let mut world = world();
    let ready = Standing::Ready { source: "env:TOKEN".into() };
    let refused_now = |words: &str| Standing::Refused { source: "env:TOKEN".into(), words: words.into() };
    assert_eq!(world.standing("hunter2", "s.example"), ready);
    let said = "401 token hunter2\r\n\u{1b}[31m was revoked";
    world.with("hunter2", "s.example", |scene, memory| refused(scene, memory, Channel::Mastodon, said)).expect("kept");
    assert_eq!(world.standing("hunter2", "s.example"), refused_now("401 token …   [31m was revoked"));
    assert_eq!(world.standing("hunter3", "s.example"), ready, "the secret changed");
    assert_eq!(world.standing("hunter2", "t.example"), ready, "the server changed");
    assert_eq!(world.standing("hunter2", "s.example"), refused_now("401 token …   [31m was revoked"), "the old one is still dead");
    assert!(matches!(world.standing("", "s.example"), Standing::Missing { .. }));
    accepted(&mut world.memory, Channel::Mastodon).expect("kept");
    assert_eq!(world.standing("hunter2", "s.example"), ready);
}

#[test]
fn of_a_secret_16_bits_are_kept() {
    let mut world = world();
    world.with("hunter2", "s.example", |scene, memory| refused(scene, memory, Channel::Mastodon, "no")).expect("kept");
    // sha256("hunter2") = f52f…
    assert_eq!(world.memory.text("refused mastodon").expect("read").as_deref(), Some("f52f\nhttps://s.example/\nno"));
}
