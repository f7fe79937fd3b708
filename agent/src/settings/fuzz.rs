//! reveille.toml as any bytes: it is read or refused, and what is read is no more than what stands there.

#[path = "../../../tests/suite/fuzz/campaign.rs"]
mod campaign;

use chrono::DateTime;
use reveille_mission::Channel;

use super::Settings;

const WORDS: [&str; 20] = [
    "[channels.mastodon]\n",
    "[channels.email]\n",
    "[channels.x]\n",
    "[wake]\n",
    "[caps]\n",
    "server = ",
    "token = ",
    "password = ",
    "{ env = \"A\" }",
    "{ file = \"secrets/a\" }",
    "every = \"2h\"\n",
    "cron = \"0 */2 * * *\"\n",
    "timezone = \"Europe/Rome\"\n",
    "\"",
    "'''",
    "\"\"\"",
    "[",
    "]",
    "hosts = [\"b.example\"]\n",
    "limit = ",
];

/// Settings never know a channel, a host or a cap that the text does not name, and no message shows a secret that was pasted.
fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let settings = match Settings::parse(&text) {
        Ok(settings) => settings,
        Err(wrong) => {
            assert!(!wrong.is_empty(), "refused without a word");
            for said in &wrong {
                // A secret that was pasted where its reference belongs.
                let line = text.split('\n').nth(said.line.saturating_sub(1)).unwrap_or_default();
                let (key, value) = line.split_once('=').unwrap_or_default();
                let secret = ["token", "password", "key"].contains(&key.trim()) && value.trim_start().starts_with('"');
                assert!(said.line > 0 && said.hint.is_some(), "{said:?}");
                assert!(!secret || !said.message.contains("cnry-"), "{said:?}");
            }
            return;
        }
    };
    for channel in settings.configured() {
        assert!(channel == Channel::Web || text.contains(&channel.to_string()), "{channel} is not in {text:?}");
    }
    assert!(!settings.allows_host("elsewhere.example") || text.contains("elsewhere.example"));
    assert!(text.contains("caps") || (settings.caps.day, settings.caps.channel, settings.caps.run) == (12, 4, 1));
    let now = DateTime::from_timestamp(1_795_183_200, 0).expect("a time");
    assert!(settings.wake.schedule().next(now) > now && settings.wake.limit.seconds() <= 7 * 86_400);
}

#[expect(clippy::print_stdout, reason = "the table is for a document")]
fn table(inputs: u64) -> Option<u64> {
    let report = campaign::campaign("settings", settings, &WORDS, inputs);
    let (seconds, slowest) = (report.seconds, report.slowest.as_secs_f64() * 1000.0);
    println!("| settings | {} | {seconds:.0} s | {slowest:.1} ms | {:?} MB |", report.inputs, report.peak);
    report.peak
}

#[test]
fn the_corpus_and_what_becomes_of_it() {
    table(3000);
}

#[test]
#[ignore = "minutes: `make fuzz`"]
fn a_million() {
    assert!(table(1_000_000).is_none_or(|peak| peak < 200));
}
