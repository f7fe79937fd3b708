//! `channel login` and `channel check`: secrets go in through standard input, lie in files of their owner only, and come out
//! nowhere; a dead one is asked for once.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reveille_tests::scripted::{Play, Scripted};
use reveille_tests::{Home, SETTINGS, Said, servers};
use serde_json::json;

const LIST: &str = "- [ ] Post issue 45 to Mastodon\n";

/// A home whose Mastodon is at `server` and whose token is where `token` says.
fn home(server: &str, token: &str) -> Home {
    let home = Home::new(LIST);
    let settings = SETTINGS.replace("https://social.example", server).replace("{ env = \"TEST_MASTODON_TOKEN\" }", token);
    home.write("reveille.toml", format!("{settings}\n[wake]\npatience = \"5s\"\n"));
    home.write("issues/045-x.md", "---\ntitle: X\ndate: 2026-03-01\n---\n\nBody.\n");
    home
}

fn feed(home: &Home, arguments: &[&str], input: &str) -> Said {
    let mut command = home.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that refuses at once reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    home.heard(Said::of(&child.wait_with_output().unwrap()))
}

fn mode(home: &Home, path: &str) -> u32 {
    home.join(path).metadata().unwrap().permissions().mode() & 0o777
}

/// The files of the home that hold a text.
fn holding(home: &Home, text: &str) -> Vec<String> {
    let (mut folders, mut found) = (vec![home.path().to_owned()], vec![]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
                found.push(path.strip_prefix(home.path()).unwrap().display().to_string());
            }
        }
    }
    found
}

/// A server that knows one token.
fn server_of(token: &'static str) -> Scripted {
    Scripted::start(move |request, _| match request.path.as_str() {
        "/api/v1/accounts/verify_credentials" if request.header("authorization") == Some(&format!("Bearer {token}")) => {
            Play::json(200, &json!({"id": "1", "acct": "inside", "url": "https://social.example/@inside", "followers_count": 1204}))
        }
        "/api/v1/accounts/verify_credentials" => {
            let given = request.header("authorization").unwrap_or_default();
            Play::json(401, &json!({"error": format!("The access token was revoked: {given}")}))
        }
        "/api/v2/instance" => Play::json(
            200,
            &json!({"domain": "social.example", "configuration": {"statuses": {"max_characters": 5000, "characters_reserved_per_url": 30}}}),
        ),
        _ => Play::json(404, &json!({"error": "Not found"})),
    })
}

#[test]
fn a_login_through_standard_input_is_stored_proved_and_never_shown() {
    let server = servers::Mastodon::start();
    let home = home(&server.url, "{ file = \"secrets/mastodon\" }");
    let said = feed(&home, &["channel", "login", "mastodon", "-vv"], &format!("{}\n", server.token)).ok();
    assert!(said.stdout.contains("@letter@") && said.stdout.contains("2 followers") && said.stdout.contains("500 characters"), "{said:?}");
    assert_eq!((mode(&home, "secrets"), mode(&home, "secrets/mastodon")), (0o700, 0o600));
    let _ = home.run(&["wake", "--no-model"]).ok();
    let check = home.run(&["channel", "check", "mastodon", "--json"]).ok();
    assert_eq!((&check.json()[0]["account"]["followers"], &check.json()[0]["error"]), (&json!(2), &json!(null)));
    assert!(!format!("{said:?}{check:?}").contains(&server.token));
    assert_eq!(holding(&home, &server.token), ["secrets/mastodon"]);
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
    let one = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    let limits = one("SELECT text FROM texts WHERE key = 'limits mastodon'");
    assert_eq!(limits, format!("{}/\n{{\"characters\":500,\"link\":23}}", server.url), "of this server");
    assert_eq!(one("SELECT value FROM facts WHERE key = 'mastodon.followers'"), "2");
}

#[test]
fn a_dead_credential_is_asked_for_once_until_it_changes() {
    let server = server_of("cnry-good");
    let home = home(&server.url, "{ file = \"secrets/mastodon\" }");
    let _ = feed(&home, &["channel", "login", "mastodon"], "cnry-good\n").ok();
    let line = home.read("PROGRESS.md");
    home.write("PROGRESS.md", "");
    let _ = home.run(&["wake", "--no-model"]).ok();
    home.write("PROGRESS.md", line);
    let needs = || home.run(&["plan", "--json", "--no-model"]).ok().stdout.matches("is not accepted: replace it").count();
    assert_eq!(needs(), 0);
    let said = feed(&home, &["channel", "login", "mastodon"], "cnry-dead\n");
    assert!(said.code == 1 && said.stdout.contains("does not accept") && said.stdout.contains("was revoked"), "{said:?}");
    assert!(!format!("{said:?}").contains("cnry-"), "the server repeated it: {said:?}");
    let _ = home.run(&["wake", "--no-model"]).ok();
    let progress = home.read("PROGRESS.md");
    let file = home.path().canonicalize().unwrap().join("secrets/mastodon");
    let ask = format!("he credential of Mastodon (file:{}) is not accepted: replace it: `reveille channel login mastodon`", file.display());
    assert_eq!(progress.replace("\n  ", " ").matches(&ask).count(), 1, "{progress}");
    assert!(home.run(&["doctor"]).stdout.contains("is not accepted"));
    assert_eq!(holding(&home, "cnry-dead"), ["secrets/mastodon"]);
    // A changed secret is tried again, whoever wrote it there.
    std::fs::write(&file, "cnry-good\n").unwrap();
    assert_eq!(needs(), 0);
    std::fs::write(&file, "cnry-dead\n").unwrap();
    assert!(needs() > 0, "the old one is still dead");
    let _ = feed(&home, &["channel", "login", "mastodon"], "cnry-good").ok();
    assert_eq!(needs(), 0);
    assert_eq!(holding(&home, "cnry-good"), ["secrets/mastodon"]);
}

#[test]
fn the_oauth_page_gives_a_token() {
    let token = "cnry-from-the-page";
    let real = server_of(token);
    let address = real.url.clone();
    let server = Scripted::start(move |request, _| match request.path.split('?').next().unwrap_or_default() {
        "/api/v1/apps" => Play::json(
            200,
            &json!({"id": "1", "name": "Reveille", "client_id": "c", "client_secret": "cnry-app", "redirect_uri": "urn:ietf:wg:oauth:2.0:oob", "vapid_key": null}),
        ),
        "/oauth/token" if String::from_utf8_lossy(&request.body).contains("cnry-code") => {
            Play::json(200, &json!({"access_token": token, "token_type": "Bearer", "scope": "read", "created_at": 1}))
        }
        "/oauth/token" => Play::json(400, &json!({"error": "invalid_grant"})),
        "/api/v1/instance" => Play::json(200, &json!({"uri": "social.example"})),
        _ => request.forward(&address),
    });
    let home = home(&server.url, "{ file = \"secrets/mastodon\" }");
    let said = feed(&home, &["channel", "login", "mastodon", "--oauth"], "wrong\n");
    assert!(said.code == 1 && said.stderr.contains("begin again") && !home.join("secrets").exists(), "{said:?}");
    let said = feed(&home, &["channel", "login", "mastodon", "--oauth"], "cnry-code\n").ok();
    assert!(said.stdout.contains(&format!("{}/oauth/authorize?", server.url)), "{said:?}");
    assert!(said.stdout.contains("1204 followers") && !format!("{said:?}").contains("cnry-"), "{said:?}");
    assert_eq!(home.read("secrets/mastodon"), format!("{token}\n"));
    assert!(holding(&home, "cnry-app").is_empty() && holding(&home, "cnry-code").is_empty());
}

#[test]
fn what_can_not_be_stored_is_said_before_a_secret_is_taken() {
    let server = server_of("cnry-bare");
    let home = home(&server.url, "{ env = \"TEST_MASTODON_TOKEN\" }");
    let said = feed(&home, &["channel", "login", "mastodon"], "cnry-bare\n");
    assert!(
        said.code == 1 && said.stderr.contains("set TEST_MASTODON_TOKEN") && said.stderr.contains("--file secrets/mastodon"),
        "{said:?}"
    );
    for path in ["../outside", "/nowhere/at/all"] {
        let said = feed(&home, &["channel", "login", "mastodon", "--file", path], "cnry-bare\n");
        assert!(said.code == 1 && said.stderr.contains("hint"), "{said:?}");
    }
    for input in ["", "two\nlines\n"] {
        assert_eq!(feed(&home, &["channel", "login", "mastodon", "--file", "secrets/mastodon"], input).code, 2);
    }
    assert!(server.requests().is_empty() && !home.join("secrets").exists());
    let before = home.read("reveille.toml");
    let said = feed(&home, &["channel", "login", "mastodon", "--file", "secrets/mastodon"], "cnry-bare\n").ok();
    assert!(said.stdout.contains("in [channels.mastodon]: token = { file = \"secrets/mastodon\" }"), "{said:?}");
    assert_eq!((home.read("reveille.toml"), home.read("secrets/mastodon")), (before, "cnry-bare\n".to_owned()));
    assert_eq!(feed(&home, &["channel", "login", "bluesky"], "x\n").code, 78);
    assert_eq!(home.run(&["channel", "check", "bluesky"]).code, 78);
    let said = home.run(&["channel", "check", "hackernews"]);
    assert!(said.code == 2 && said.stderr.contains("Hacker News has no credential"), "{said:?}");
}

#[test]
fn a_file_that_others_can_read_is_refused_and_doctor_names_it() {
    let server = server_of("cnry-bare");
    let home = home(&server.url, "{ file = \"secrets/mastodon\" }");
    home.write("secrets/mastodon", "cnry-bare\n");
    home.write("secrets/forgotten", "cnry-bare\n");
    let set = |path: &str, bits| std::fs::set_permissions(home.join(path), std::fs::Permissions::from_mode(bits)).unwrap();
    set("secrets/mastodon", 0o644);
    set("secrets/forgotten", 0o640);
    let said = home.run(&["channel", "check", "mastodon"]);
    assert!(said.code == 1 && said.stdout.contains("can be read by others") && said.stdout.contains("chmod 600"), "{said:?}");
    assert!(server.requests().is_empty(), "it was not used");
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("secrets/forgotten can be read by others") && doctor.contains("secrets/mastodon can be read"), "{doctor}");
    set("secrets/mastodon", 0o600);
    set("secrets/forgotten", 0o600);
    let _ = home.run(&["channel", "check", "mastodon"]).ok();
    assert!(!home.run(&["doctor"]).stdout.contains("can be read by others"));
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_keychain_stores_and_one_that_hangs_is_left() {
    let server = server_of("cnry-bare");
    let mut home = home(&server.url, "{ keychain = \"letter mastodon\" }");
    let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
    home.env("PATH", &path);
    let stub = |text: &str| {
        home.write("bin/secret-tool", format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(home.join("bin/secret-tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let outside = tempfile::tempdir().unwrap();
    let item = outside.path().join("item").display().to_string();
    stub(&format!("echo \"$*\" >> {item}.calls\ncase $1 in store) cat > {item};; *) cat {item};; esac"));
    let said = feed(&home, &["channel", "login", "mastodon"], "cnry-bare\n").ok();
    assert!(said.stdout.contains("Stored in keychain:letter mastodon") && said.stdout.contains("1204 followers"), "{said:?}");
    assert!(!std::fs::read_to_string(format!("{item}.calls")).unwrap().contains("cnry-"));
    assert!(holding(&home, "cnry-").is_empty());
    stub("sleep 60");
    let started = Instant::now();
    let said = home.run(&["channel", "check", "mastodon"]);
    assert!(said.code == 1 && said.stdout.contains("did not answer within 2 seconds"), "{said:?}");
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&started.elapsed()), "{:?}", started.elapsed());
}
