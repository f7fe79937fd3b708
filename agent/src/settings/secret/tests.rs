//! Secrets in variables, in real files, and in keychains that small programs play.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;

use super::*;

struct World {
    folder: tempfile::TempDir,
    home: Home,
    environment: Environment,
}

fn world(variables: &[(&str, &str)]) -> World {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("reveille.toml"), "").expect("written");
    let path = folder.path().join("bin").display().to_string();
    let environment = Environment::of(&[&[("PATH", path.as_str())], variables].concat());
    let home = Home::find(Some(folder.path()), &environment).expect("a home");
    World { folder, home, environment }
}

impl World {
    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
    }

    fn reveal(&self, secret: &Secret) -> Result<String, String> {
        let revealed = secret.reveal(&self.environment, &self.home);
        let found = matches!(secret.state(&self.environment, &self.home), SecretState::Present { .. });
        match revealed {
            Ok(value) => {
                assert!(found, "revealed, so there");
                Ok(value.expose_secret().to_owned())
            }
            Err(failure) => {
                assert!(failure.hint.is_some(), "{failure}");
                Err(format!("{failure}"))
            }
        }
    }
}

fn file(path: impl AsRef<Path>) -> Secret {
    Secret::File(path.as_ref().to_owned())
}

#[test]
fn a_variable_or_a_file_that_is_ours_alone_is_revealed() {
    let world = world(&[("TOKEN", "hunter2"), ("EMPTY", "")]);
    world.write("token", "hunter2\n", 0o600);
    world.write("windows", "hunter2\r\n", 0o400);
    world.write("key", "-----BEGIN-----\nabc\n", 0o600);
    symlink(world.folder.path().join("token"), world.folder.path().join("link")).expect("linked");
    for (secret, expected) in [
        (Secret::Env("TOKEN".into()), "hunter2"),
        (file("token"), "hunter2"),
        (file(world.folder.path().join("token")), "hunter2"),
        (file("windows"), "hunter2"),
        (file("key"), "-----BEGIN-----\nabc"),
        (file("link"), "hunter2"),
    ] {
        assert_eq!(world.reveal(&secret).as_deref(), Ok(expected), "{secret:?}");
    }
}

#[test]
fn what_is_not_there_or_not_ours_alone_is_refused_and_not_repeated() {
    let world = world(&[("EMPTY", "")]);
    world.write("open", "hunter2\n", 0o644);
    world.write("group", "hunter2\n", 0o660);
    world.write("newline", "\n", 0o600);
    world.write("empty", "", 0o600);
    std::fs::write(world.folder.path().join("binary"), b"hunter2\xff").expect("written");
    std::fs::set_permissions(world.folder.path().join("binary"), std::fs::Permissions::from_mode(0o600)).expect("set");
    symlink(world.folder.path().join("open"), world.folder.path().join("link")).expect("linked");
    symlink(world.folder.path().join("nowhere"), world.folder.path().join("dead")).expect("linked");
    for (secret, expected) in [
        (Secret::Env("EMPTY".into()), "EMPTY is not set"),
        (Secret::Env("NONE".into()), "NONE is not set"),
        (file("open"), "can be read by others"),
        (file("group"), "can be read by others"),
        (file("link"), "can be read by others"),
        (file("dead"), "is not there"),
        (file("none"), "is not there"),
        (file("empty"), "is empty"),
        (file("newline"), "is empty"),
        (file("binary"), "is no text"),
        (file("."), "is not a file"),
    ] {
        let said = world.reveal(&secret).expect_err("refused");
        assert!(said.contains(expected) && !said.contains("hunter2"), "{secret:?}: {said}");
    }
    let hint = file("open").reveal(&world.environment, &world.home).expect_err("refused").hint;
    assert_eq!(hint, Some(format!("`chmod 600 {}`", world.home.root().join("open").display())));
}

#[test]
fn a_file_is_stored_for_its_owner_only_and_in_the_home_only() {
    let world = world(&[]);
    let mode = |name: &str| world.folder.path().join(name).metadata().expect("there").permissions().mode() & 0o777;
    for value in ["hunter2", "hunter3"] {
        file("secrets/mastodon").store(&world.environment, &world.home, &SecretString::from(value)).expect("stored");
        assert_eq!(world.reveal(&file("secrets/mastodon")).as_deref(), Ok(value));
        assert_eq!((mode("secrets"), mode("secrets/mastodon")), (0o700, 0o600));
    }
    assert_eq!(std::fs::read_dir(world.folder.path().join("secrets")).expect("listed").count(), 1, "nothing is left beside it");
    let elsewhere = tempfile::tempdir().expect("a folder");
    symlink(elsewhere.path(), world.folder.path().join("out")).expect("linked");
    symlink(world.folder.path().join("secrets/mastodon"), world.folder.path().join("link")).expect("linked");
    for (path, expected) in [
        ("../x", "out of the home"),
        ("out/x", "out of the home"),
        ("out/deeper/x", "out of the home"),
        ("link", "is a link"),
        ("", "out of"),
    ] {
        let failed = file(path).store(&world.environment, &world.home, &SecretString::from("hunter2")).expect_err(path);
        assert!(failed.to_string().contains(expected), "{path}: {failed}");
    }
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("listed").count(), 0);
    let absolute = elsewhere.path().join("token");
    file(&absolute).store(&world.environment, &world.home, &SecretString::from("hunter2")).expect("stored");
    assert_eq!(world.reveal(&file(&absolute)).as_deref(), Ok("hunter2"));
    assert!(Secret::Env("TOKEN".into()).store(&world.environment, &world.home, &SecretString::from("x")).is_err());
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_keychain_keeps_a_value_that_is_read_back() {
    let world = world(&[]);
    let item = Secret::Keychain("letter".into());
    let said = world.reveal(&item).expect_err("no program");
    assert!(said.contains("there is no `secret-tool`"), "{said}");
    let folder = world.folder.path().display();
    let stub = format!(
        "#!/bin/sh\necho \"$*\" >> {folder}/calls\nPATH=/usr/bin:/bin\ncase $1 in store) cat > {folder}/item;; *) cat {folder}/item;; esac\n"
    );
    world.write("bin/secret-tool", &stub, 0o755);
    let said = world.reveal(&item).expect_err("no item");
    assert!(said.contains("no item `letter`"), "{said}");
    item.store(&world.environment, &world.home, &SecretString::from("hunter2")).expect("stored");
    assert_eq!(world.reveal(&item).as_deref(), Ok("hunter2"));
    let calls = std::fs::read_to_string(world.folder.path().join("calls")).expect("called");
    assert!(calls.contains("service letter account reveille") && !calls.contains("hunter2"), "{calls}");
    // One that says yes and keeps nothing.
    world.write("bin/secret-tool", "#!/bin/sh\ntrue\n", 0o755);
    assert!(item.store(&world.environment, &world.home, &SecretString::from("hunter2")).is_err());
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_keychain_that_hangs_is_left_after_two_seconds_and_killed() {
    let world = world(&[]);
    let (folder, item) = (world.folder.path().display(), Secret::Keychain("letter".into()));
    // It hangs in a child of its own, and asks for nothing that a signal to it alone would end.
    world.write("bin/secret-tool", &format!("#!/bin/sh\n/bin/sleep 60 & echo $! > {folder}/pid\nwait\n"), 0o755);
    let started = Instant::now();
    let failure = item.reveal(&world.environment, &world.home).expect_err("too long");
    assert!(failure.to_string().contains("did not answer within 2 seconds"), "{failure}");
    let taken = started.elapsed();
    // Far from the minute that it would take, and not before its time; a busy machine may be late.
    assert!((Duration::from_secs(2)..Duration::from_secs(20)).contains(&taken), "{taken:?}");
    let pid = std::fs::read_to_string(world.folder.path().join("pid")).expect("started");
    let gone = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).map_or(true, |stat| stat.contains(") Z "));
    assert!(
        (0..100).any(|_| gone() || {
            std::thread::sleep(Duration::from_millis(20));
            false
        }),
        "process {pid} still runs"
    );
}

#[test]
fn files_with_secrets_are_found_in_settings_that_are_wrong() {
    let found = |text: &str| {
        crate::settings::secret_files_alone(text).map(|mut paths| {
            paths.sort();
            paths
        })
    };
    let text = "nmae = 1\n[channels.mastodon]\ntoken = { file = \"a.txt\" }\n[channels.email.dkim]\nkey.file = \"b.txt\"\nx = [{ file = \"c\" }]\n";
    assert_eq!(found(text), Some(vec!["a.txt".into(), "b.txt".into(), "c".into()]));
    assert_eq!(found("nmae = 1"), Some(vec![]));
    assert_eq!(found("name = \n[channels"), None);
}
