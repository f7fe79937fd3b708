//! The keys that reveille.toml may have: checked before its values are, so that a misspelt one is named with its line and
//! the nearest right name.

use reveille_mission::{Diagnostic, nearest};
use toml::de::{DeTable, DeValue};

/// Section and keys; `*` stands for "no section". A section's name is a key of the section above it.
const KEYS: [(&str, &[&str]); 22] = [
    (
        "*",
        &[
            "name",
            "url",
            "owner",
            "language",
            "description",
            "served",
            "wake",
            "model",
            "channels",
            "caps",
            "approve",
            "backup",
            "priors",
            "experiments",
            "notice",
            "site",
            "answers",
            "retain",
            "tiers",
            "hosts",
        ],
    ),
    ("wake", &["every", "cron", "quiet", "timezone", "limit", "patience", "measure_every"]),
    ("model", &["name", "path"]),
    ("channels", &["again_after", "mastodon", "bluesky", "email", "hackernews", "reddit", "x", "lobsters", "linkedin"]),
    ("channels.mastodon", &["server", "token"]),
    ("channels.bluesky", &["service", "handle", "password"]),
    ("channels.email", &["smtp", "user", "password", "from", "reply_to", "ca", "rate", "unsubscribe", "dkim"]),
    ("channels.email.dkim", &["domain", "selector", "key"]),
    ("channels.hackernews", &[]),
    ("channels.reddit", &[]),
    ("channels.x", &[]),
    ("channels.lobsters", &[]),
    ("channels.linkedin", &[]),
    ("caps", &["day", "channel", "run", "tokens", "seconds"]),
    ("approve", &["skills", "channels"]),
    ("backup", &["keep", "hook", "hook_limit", "env"]),
    ("experiments", &["base", "wanted"]),
    ("notice", &["by"]),
    ("site", &["listen", "proxies", "mails_a_network", "mails_a_day", "logs"]),
    ("answers", &["imap", "user", "password", "ca", "folder"]),
    ("retain", &["sunset", "sunset_after"]),
    (
        "priors",
        &[
            "reach_base",
            "reach_per_follower",
            "reach_weight",
            "stranger_to_confirmed",
            "confirmed_to_paying",
            "served_to_paying",
            "served_stays",
            "paying_stays",
            "silent_share",
            "measured_worth",
        ],
    ),
];

/// The unknown keys of the file, each with its place; an error when it is no TOML at all.
pub(super) fn check(text: &str) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let table = DeTable::parse(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        vec![Diagnostic::error(line, column, super::first_line(error.message()), "this line is no TOML")]
    })?;
    let mut found = Vec::new();
    walk(table.get_ref(), "*", text, &mut found);
    Ok(found)
}

fn walk(table: &DeTable<'_>, section: &str, text: &str, found: &mut Vec<Diagnostic>) {
    let Some((_, known)) = KEYS.iter().find(|(name, _)| *name == section) else { return };
    for (key, value) in table {
        let name: &str = key.get_ref();
        if !known.contains(&name) {
            let (line, column) = place(text, key.span().start);
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "this section takes no keys".to_owned(),
                None => format!("known here: {}", known.join(", ")),
            };
            let shown = if section == "*" { String::new() } else { format!(" in [{section}]") };
            found.push(Diagnostic::error(line, column, format!("unknown key `{name}`{shown}"), hint));
        } else if let DeValue::Table(inner) = value.get_ref() {
            let path = if section == "*" { name.to_owned() } else { format!("{section}.{name}") };
            walk(inner, &path, text, found);
        }
    }
}

/// Line and column, from 1, of a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.len() - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
    (line, column)
}

/// Where the value of a key outside of all sections stands, 1 and 1 if it does not.
pub(super) fn place_of(text: &str, key: &str) -> (usize, usize) {
    let table = DeTable::parse(text).ok();
    let found = table.as_ref().and_then(|table| table.get_ref().iter().find(|(name, _)| name.get_ref() == key));
    found.map_or((1, 1), |(_, value)| place(text, value.span().start))
}

/// The line on which `what` stands, 1 if it does not.
pub(super) fn line_of(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::super::{Secret, Settings};

    const LEAST: &str = "name = \"N\"\nurl = \"https://n.example\"\nowner = \"o@n.example\"\n";

    fn problems(rest: &str) -> Vec<String> {
        match Settings::parse(&format!("{LEAST}{rest}")) {
            Ok(_) => vec![],
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (rest, expected) in [
            ("nmae = 1\n", "4:1: unknown key `nmae` (hint: did you mean `name`?)"),
            ("[chanels.mastodon]\n", "4:2: unknown key `chanels` (hint: did you mean `channels`?)"),
            (
                "[channels.mastodon]\nserver = \"https://s.example\"\ntokn = { env = \"T\" }\n",
                "6:1: unknown key `tokn` in [channels.mastodon] (hint: did you mean `token`?)",
            ),
            ("[channels.hackernews]\ntoken = 1\n", "5:1: unknown key `token` in [channels.hackernews] (hint: this section takes no keys)"),
            (
                "[wake]\nevery = \"soon\"\n",
                "5:9: `soon` is no period: write it like `30m`, `2h` or `1d`, from 1m to 7d (hint: see docs/settings.md)",
            ),
            (
                "[wake]\nmeasure_every = \"91d\"\n",
                "5:17: `91d` is no number of days: write it like `7d`, from 1d to 90d (hint: see docs/settings.md)",
            ),
            (
                "[channels]\nagain_after = \"2h\"\n",
                "5:15: `2h` is no number of days: write it like `7d`, from 1d to 365d (hint: see docs/settings.md)",
            ),
            ("[priors]\nmeasured_worth = 0.5\n", "4:1: `measured_worth` must be above 0 and below 0.5 (hint: see docs/settings.md)"),
            ("[priors]\nreach_base = -1.0\n", "4:1: `reach_base` must be above 0 (hint: see docs/settings.md)"),
            (
                "[wake]\npatience = \"5m\"\n",
                "5:12: `5m` is no time to wait: write it like `30s` or `1m`, from 1s to 120s (hint: see docs/settings.md)",
            ),
            (
                "[channels.mastodon]\nserver = \"https://s.example\"\ntoken = { keychain = \"-w\" }\n",
                "6:9: `keychain` takes the name of an item: letters, digits and - _ . : / @, not a value (hint: see docs/settings.md)",
            ),
            (
                "[channels.email]\nsmtp = \"smtp://m.example\"\nfrom = \"n@n.example\"\ndkim = { domian = \"n.example\" }\n",
                "7:10: unknown key `domian` in [channels.email.dkim] (hint: did you mean `domain`?)",
            ),
            (
                "[channels.email]\nsmtp = \"smtp://m.example\"\nfrom = \"n@n.example\"\nuser = \"u\"\n",
                "4:1: `user` and `password` go together (hint: see docs/settings.md)",
            ),
            (
                "[channels.email]\nsmtp = \"smtp://m.example\"\nfrom = \"n@n.example\"\nunsubscribe = \"https://n.example\"\n",
                "4:1: `unsubscribe` is an https address with `{token}` in it (hint: see docs/settings.md)",
            ),
            ("[backup]\nkeep = 0\n", "4:1: `keep` is a number of days from 1 to 366 (hint: see docs/settings.md)"),
            (
                "[backup]\nhook = \"restic -p hunter2\"\n",
                "5:8: a list of words is wanted here, like [\"rsync\", \"-a\"] (hint: see docs/settings.md)",
            ),
            ("[backup]\nenv = [\"A=b\"]\n", "4:1: `env` holds names of variables, not values (hint: see docs/settings.md)"),
            (
                "[notice]\nby = \"pigeon\"\n",
                "5:6: `by` is \"email\", \"macos\", or a command as a list: [\"/path/to/program\", \"argument\"] (hint: see docs/settings.md)",
            ),
            ("[notice]\nby = \"email\"\n", "4:1: a notice by mail needs [channels.email] (hint: see docs/settings.md)"),
            (
                "[experiments]\nbase = 0.07\nwanted = 0.05\n",
                "4:1: `base` and `wanted` are shares above 0 and below 1, and `wanted` is the larger one (hint: see docs/settings.md)",
            ),
            (
                "[site]\nlisten = \"localhost:8080\"\n",
                "5:10: `listen` is an IP address with a port, like `127.0.0.1:8080` (hint: see docs/settings.md)",
            ),
            (
                "[site]\nproxies = [\"10.0.0.0/8\"]\n",
                "5:11: `proxies` are single IP addresses, like `10.0.0.1`: no networks, no names (hint: see docs/settings.md)",
            ),
            (
                "[retain]\nsunset_after = \"2w\"\n",
                "5:16: `2w` is no number of days: write it like `7d`, from 7d to 365d (hint: see docs/settings.md)",
            ),
            ("[retain]\nsunsets = true\n", "5:1: unknown key `sunsets` in [retain] (hint: did you mean `sunset`?)"),
            ("[caps]\nday = -1\n", "5:7: invalid value: integer `-1`, expected u64 (hint: see docs/settings.md)"),
            ("x\n", "4:2: key with no value, expected `=` (hint: this line is no TOML)"),
        ] {
            assert_eq!(problems(rest), [expected], "{rest}");
        }
    }

    #[test]
    fn readers_are_served_at_a_whole_host_only() {
        let parse = |url: &str, rest: &str| {
            // The word stands elsewhere, too: the place is the key's.
            let text = format!("# url\nname = \"url\"\n  url = \"{url}\"\nowner = \"o@n.example\"\n{rest}");
            Settings::parse(&text).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let expected = "3:9: with [site] `url` is a whole host: readers can't be served below a path of one \
            (hint: give the publication a host of its own, like `https://letter.example.org`, or leave [site] out)";
        for url in ["https://n.example/blog", "https://n.example/blog/", "https://n.example/?a=1", "https://n.example/#a"] {
            assert_eq!(parse(url, "[site]\n").err(), Some(vec![expected.to_owned()]), "{url}");
            assert!(parse(url, "").is_ok(), "{url}: pages alone may lie below a path");
        }
        for url in ["https://n.example", "http://127.0.0.1:8080/"] {
            assert!(parse(url, "[site]\n").is_ok(), "{url}");
        }
    }

    #[test]
    fn a_pasted_secret_is_never_repeated() {
        for rest in [
            "[channels.mastodon]\nserver = \"https://s.example\"\ntoken = \"hunter2\"\n",
            "[channels.mastodon]\nserver = \"https://s.example\"\ntoken = { env = \"A\", x = \"hunter2\" }\n",
        ] {
            let said = problems(rest).join("\n");
            assert!(said.contains("by reference") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn an_address_holds_no_login_and_is_never_repeated() {
        for (smtp, expected) in [("smtp://u:hunter2@m.example", "`smtp` holds no login"), ("hunter2", "5:8: relative URL without a base (")]
        {
            let said = problems(&format!("[channels.email]\nsmtp = \"{smtp}\"\nfrom = \"n@n.example\"\n")).join("\n");
            assert!(said.contains(expected) && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn defaults_and_every_section_are_read() {
        let full = format!(
            "{LEAST}[wake]\nevery = \"2h\"\nquiet = \"23:00-07:00\"\ntimezone = \"America/New_York\"\nlimit = \"20m\"\nmeasure_every = \"14d\"\n[channels]\nagain_after = \"30d\"\n[channels.email]\nsmtp = \"smtps://m.example\"\nuser = \"u\"\npassword = {{ file = \"secret\" }}\nfrom = \"N <n@n.example>\"\n[channels.x]\n[approve]\nskills = [\"publish\"]\nchannels = [\"email\"]\n[priors]\nstranger_to_confirmed = {{ yes = 1, no = 9 }}\n"
        );
        let settings = Settings::parse(&full).expect("valid");
        assert_eq!(settings.secret(reveille_mission::Channel::Email), Some(&Secret::File("secret".into())));
        assert_eq!(settings.configured().len(), 3);
        assert_eq!(settings.wake.measure_every.delta().num_days(), 14);
        let least = Settings::parse(LEAST).expect("valid");
        assert_eq!([&settings, &least].map(|settings| settings.channels.again_after.delta().num_days()), [30, 14]);
        assert_eq!(
            (least.wake.schedule(), least.wake.limit.duration().as_secs()),
            (reveille_schedules::Schedule::Every(reveille_schedules::Every::minutes(120)), 1200)
        );
    }
}
