//! The example home with real servers behind its channels: wake after wake the issue is told where it brings the most, each
//! telling proved and ticked, and then there is nothing left to do.

use reveille_tests::Home;
use reveille_tests::servers::{Mastodon, Pds, Smtp};

struct Servers {
    mastodon: Mastodon,
    pds: Pds,
    smtp: Smtp,
}

impl Servers {
    fn start() -> Self {
        Self { mastodon: Mastodon::start(), pds: Pds::start(), smtp: Smtp::start() }
    }

    /// The example home, with the servers' addresses and credentials in its settings, three readers, and a line for Bluesky.
    fn home(&self) -> Home {
        let mut home = Home::example();
        let settings = home.read("reveille.toml");
        let settings = settings
            .replace("https://social.example", &self.mastodon.url)
            .replace("https://pds.example", &self.pds.url)
            .replace("inside.pds.example", &self.pds.handle)
            .replace("smtps://smtp.example", &format!("smtp://localhost:{}", self.smtp.secure_port))
            .replace("user = \"inside\"", &format!("user = \"{}\"\nca = \"{}\"\nrate = 60000", self.smtp.user, self.smtp.ca.display()));
        home.write("reveille.toml", settings);
        let progress = home.read("PROGRESS.md");
        home.write("PROGRESS.md", progress.replace("- [ ] Submit", "- [ ] Post issue 45 to Bluesky\n- [ ] Submit"));
        home.write(
            "readers.csv",
            "email,name,status,tier,confirmed_at,source\nann@lighthouse.net,Ann,confirmed,free,2026-01-01,form\n\
             bob@harbour.net,Bob,confirmed,free,2026-01-02,form\nt@example.com,T,confirmed,free,2026-01-02,form\n",
        );
        home.env("MASTODON_TOKEN", &self.mastodon.token).env("BLUESKY_APP_PASSWORD", &self.pds.app_password);
        home.env("SMTP_PASSWORD", &self.smtp.password);
        home
    }

    /// What is out, by where: Mastodon, Bluesky, mails.
    fn told(&self) -> (usize, usize, usize) {
        (self.mastodon.statuses().len(), self.pds.posts().len(), self.smtp.secure_messages().len())
    }
}

const CLOCK: [&str; 12] = [
    "2026-11-20T14:00:00Z",
    "2026-11-20T16:00:00Z",
    "2026-11-20T18:00:00Z",
    "2026-11-20T20:00:00Z",
    "2026-11-20T22:00:00Z",
    "2026-11-21T00:00:00Z",
    "2026-11-21T02:00:00Z",
    "2026-11-21T14:00:00Z",
    "2026-11-21T16:00:00Z",
    "2026-11-21T18:00:00Z",
    "2026-11-21T20:00:00Z",
    "2026-11-21T22:00:00Z",
];

#[test]
fn an_issue_is_told_everywhere_once_in_the_order_of_its_value_and_then_it_rests() {
    let servers = Servers::start();
    let mut home = servers.home();
    let mut done = Vec::new();
    for now in CLOCK {
        let plan = home.at(now).run(&["plan", "--json"]).ok().json();
        let said = home.run(&["wake", "--json"]).ok().json();
        if said["outcome"] != "act" {
            break;
        }
        assert_eq!(said["pick"], plan["pick"], "a wake does what the plan says");
        let value =
            |id: &serde_json::Value| plan["candidates"].as_array().unwrap().iter().find(|c| c["id"] == *id).unwrap()["value"].as_f64();
        let best = plan["candidates"].as_array().unwrap().iter().filter_map(|c| c["value"].as_f64()).fold(0.0, f64::max);
        assert_eq!(value(&said["pick"]), Some(best), "{}", said["did"]);
        done.push(said["did"].as_str().unwrap_or_default().to_owned());
    }
    let all = done.join("\n");
    for what in ["published issue 46", "told issue 45 on Mastodon", "told issue 45 on Bluesky", "issue 45 to 2 readers"] {
        assert_eq!(all.matches(what).count(), 1, "{what} in:\n{all}");
    }
    let progress = home.read("PROGRESS.md");
    for line in ["Send issue 45 to the mailing list", "Post issue 45 to Mastodon", "Post issue 45 to Bluesky"] {
        let ticked = progress.lines().find(|one| one.contains(line)).unwrap_or_default();
        assert!(ticked.starts_with("- [x] ") && ticked.contains("done 2026-11-2"), "{line}: {ticked}");
    }
    let before = servers.told();
    assert_eq!(before.2, 2, "the address of a test domain gets no mail");
    let _ = home.at("2026-11-22T16:00:00Z").run(&["wake"]).ok();
    assert_eq!(servers.told(), before, "nothing is repeated");
}
