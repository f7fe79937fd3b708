//! What holds an effect back at the last moment: nothing reaches the server, and once the brake is off it goes out.

use std::sync::{Arc, Mutex};

use reveille_tests::Home;
use reveille_tests::scripted::Scripted;
use reveille_tests::servers::Mastodon;

/// A home that has one thing to do: tell an issue on `url`.
fn home(server: &Mastodon, url: &str, more: &str) -> Home {
    let mut home = Home::new("# Plan\n\n- [ ] Post issue 45 to Mastodon\n");
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    home.write("reveille.toml", format!("{head}{more}\n[channels.mastodon]\nserver = \"{url}\"\ntoken = {{ env = \"TOKEN\" }}\n"));
    home.write(
        "issues/045-fog.md",
        "---\ntitle: Fog\nsummary: What fog does.\ndate: 2026-11-19\nid: \"tag:letter.example,2026:45\"\n---\nLit.\n",
    );
    home.env("TOKEN", &server.token);
    home
}

/// Wakes; what it said, and how many statuses are there then.
fn wake(home: &Home, server: &Mastodon) -> (String, usize) {
    let said = home.run(&["wake", "--no-model"]);
    (format!("{}{}", said.stdout, said.stderr), server.statuses().len())
}

#[test]
fn nothing_goes_out_in_quiet_hours() {
    let server = Mastodon::start();
    let mut home = home(&server, &server.url, "[wake]\nquiet = \"10:00-16:00\"\ntimezone = \"UTC\"");
    let (said, there) = wake(&home, &server);
    assert!(there == 0 && said.contains("it is quiet now; not before 2026-11-20 16:00 UTC"), "{said}");
    assert!(home.read("PROGRESS.md").contains("- [ ] Post issue 45"));
    let (said, there) = wake(home.at("2026-11-20T16:00:00Z"), &server);
    assert!(there == 1 && home.read("PROGRESS.md").contains("- [x] Post issue 45"), "{said}");
}

/// The home is stopped by its human while the wake speaks to the server: after the decision, before the post.
#[test]
fn a_stop_in_the_middle_of_a_wake_holds_the_post() {
    let server = Mastodon::start();
    let stop: Arc<Mutex<Option<std::path::PathBuf>>> = Arc::default();
    let (url, file) = (server.url.clone(), Arc::clone(&stop));
    let proxy = Scripted::start(move |request, _| {
        if request.path.starts_with("/api/v2/instance")
            && let Some(path) = file.lock().expect("a path").as_ref()
        {
            std::fs::write(path, "").expect("written");
        }
        request.forward(&url)
    });
    let mut home = home(&server, &proxy.url, "");
    *stop.lock().expect("a path") = Some(home.join("STOP"));
    let (said, there) = wake(&home, &server);
    assert!(there == 0 && said.contains("STOP"), "{said}");
    *stop.lock().expect("a path") = None;
    std::fs::remove_file(home.join("STOP")).expect("it was made");
    let (said, there) = wake(home.at("2026-11-20T16:00:00Z"), &server);
    assert_eq!(there, 1, "{said}");
    assert!(proxy.requests().iter().filter(|request| request.method == "POST").count() == 1, "one post");
}

#[test]
fn an_approval_holds_for_exactly_what_was_shown() {
    let server = Mastodon::start();
    let mut home = home(&server, &server.url, "[approve]\nchannels = [\"mastodon\"]");
    assert_eq!(wake(&home, &server).1, 0, "it waits for a word");
    let tick = |home: &Home| {
        let progress = home.read("PROGRESS.md");
        let entry = progress.lines().find(|line| line.contains("pprove “Post issue 45")).expect("an ask").to_owned();
        home.write("PROGRESS.md", progress.replace(&entry, &entry.replacen("- [ ]", "- [x]", 1)));
    };
    tick(&home);
    let issue = home.read("issues/045-fog.md");
    home.write("issues/045-fog.md", issue.replace("What fog does.", "Something else."));
    let (said, there) = wake(home.at("2026-11-20T16:00:00Z"), &server);
    assert_eq!(there, 0, "other words were approved: {said}");
    tick(&home);
    let (said, there) = wake(home.at("2026-11-20T18:00:00Z"), &server);
    assert!(there == 1 && server.statuses()[0]["content"].to_string().contains("Something else"), "{said}");
}

#[test]
fn a_cap_of_a_day_is_a_cap() {
    let server = Mastodon::start();
    let mut home = home(&server, &server.url, "[caps]\nchannel = 1");
    home.write("PROGRESS.md", "- [ ] Post issue 45 to Mastodon\n- [ ] Post issue 44 to Mastodon\n");
    home.write(
        "issues/044-sea.md",
        "---\ntitle: Sea\nsummary: What the sea does.\ndate: 2026-11-01\nid: \"tag:letter.example,2026:44\"\n---\nWide.\n",
    );
    assert_eq!(wake(&home, &server).1, 1);
    assert_eq!(wake(home.at("2026-11-21T13:00:00Z"), &server).1, 1, "within the day");
    assert_eq!(wake(home.at("2026-11-21T15:00:00Z"), &server).1, 2, "a day later");
}
