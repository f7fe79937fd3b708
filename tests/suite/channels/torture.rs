//! Three hundred issues with words that break programs which count characters, each told on a real server: composed to its limit,
//! frozen, sent through the ledger, read back. The server takes every one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_memory::{Key, Memory, NewEffect, NewRun, Standing};
use reveille_mission::{Channel, Issue, Stage};
use reveille_skills::channels::bluesky::Bluesky;
use reveille_skills::channels::mastodon::Mastodon;
use reveille_skills::channels::{Connection, Piece, PostLimits};
use reveille_skills::distribute::{Telling, compose};
use reveille_tests::servers;
use reveille_tests::torture::{Torture, torture};

fn now() -> DateTime<Utc> {
    reveille_tests::NOW.parse().unwrap()
}

fn issue(of: &Torture, number: usize) -> Issue {
    Issue {
        id: format!("tag:letter.example,2026:{number}"),
        number: u32::try_from(number).ok(),
        title: of.title.clone(),
        slug: format!("torture-{number}"),
        date: None,
        summary: Some(of.summary.clone()),
        hooks: of.hooks.clone(),
        tags: of.tags.clone(),
        mail: false,
        thread: false,
        stage: Stage::Published,
        path: String::new(),
    }
}

/// Tells all of them there; the texts that were read back.
fn tell_all(connection: &Connection) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(&folder.path().join("memory.db"), now()).unwrap();
    let run = memory.begin_run(&NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 }).unwrap();
    let channel = connection.channel();
    // The stand-in for Mastodon says that a link counts 23, and counts it as it is.
    let limits = PostLimits { link: 0, ..connection.account(now()).unwrap().limits };
    let mut told = Vec::new();
    for (number, one) in torture().iter().enumerate() {
        let issue = issue(one, number);
        // Links as long as servers meet them, and one that hardly leaves room for a word.
        let link = format!("https://letter.example/issues/{}/?{}", issue.slug, "x".repeat(number % 180));
        let telling =
            Telling { issue: &issue, link: &link, publication: "The Letter", channel, told_before: 0, limits: Some(limits), server: None };
        let post = compose(&telling, &[]).unwrap_or_else(|error| panic!("{}: {error}", one.name));
        let at = now() + chrono::TimeDelta::seconds(i64::try_from(number).unwrap());
        let (title, summary) = (issue.title.as_str(), issue.summary.as_deref().unwrap_or_default());
        let piece = Piece { post: &post, text: &post.pieces[0], title, summary, language: "en", picture: None, reply: None, now: at };
        let frozen = connection.freeze(&piece).unwrap_or_else(|fault| panic!("{}: {fault}\n{}", one.name, post.text));
        let key = Key { issue: issue.id.clone(), channel: channel.to_string(), part: "post".into(), recipient: String::new() };
        let new = NewEffect { key, text: frozen.text.clone(), token: frozen.token.clone(), run };
        let Standing::Intended(intended) = memory.intend(&new, at).unwrap() else { panic!("known already") };
        let sending = intended.send(&mut memory, at).unwrap();
        let receipt =
            connection.send(&sending, &frozen.attached, at).unwrap_or_else(|fault| panic!("{}: {fault}\n{}", one.name, post.text));
        sending.confirm(&mut memory, &[receipt.row()], at).unwrap();
        told.push(receipt.text);
    }
    told
}

#[test]
fn mastodon_takes_all_three_hundred() {
    let server = servers::Mastodon::start();
    let url = server.url.parse().unwrap();
    let connection = Connection::Mastodon(Mastodon::new(&url, server.token.clone().into(), Duration::from_secs(30)).unwrap());
    let told = tell_all(&connection);
    assert_eq!((told.len(), server.statuses().len()), (300, 300));
    assert!(told.iter().enumerate().all(|(at, text)| text.contains(&format!("torture-{at}/"))), "a link was cut");
}

#[test]
fn bluesky_takes_all_three_hundred() {
    let server = servers::Pds::start();
    let folder = tempfile::tempdir().unwrap();
    let (url, session) = (server.url.parse().unwrap(), folder.path().join("kept/session.json"));
    let password = server.app_password.clone().into();
    let connection = Connection::Bluesky(Bluesky::new(&url, &server.handle, password, session, Duration::from_secs(30)).unwrap());
    let told = tell_all(&connection);
    assert_eq!((told.len(), server.posts().len(), connection.channel()), (300, 300, Channel::Bluesky));
    assert!(told.iter().enumerate().all(|(at, text)| text.contains(&format!("torture-{at}/"))), "a link was cut");
}
