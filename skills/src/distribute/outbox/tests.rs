//! Pages: what they look like, and that nothing of a human's is ever touched.

use url::Url;

use super::*;
use crate::distribute::tests::{issue, issue_45, telling};
use crate::distribute::{Telling, compose};

#[test]
fn the_page_in_the_outbox_is_easy_to_copy() {
    let home = tempfile::tempdir().expect("a folder");
    let issue = issue("On `code`", "Use ```fences``` well.", &[], &["markdown"]);
    let server = Url::parse("https://social.example").expect("an address");
    let page = |channel| {
        let post = compose(&Telling { server: Some(&server), ..telling(&issue, channel) }, &[]).expect("a post");
        let filed = write_outbox(home.path(), &issue, &post).expect("a page");
        assert_eq!(filed.path, home.path().join(outbox_path(&issue, channel)));
        fs::read_to_string(filed.path).expect("a text")
    };
    insta::assert_snapshot!([Channel::Mastodon, Channel::Hackernews, Channel::Email, Channel::Linkedin].map(page).join("\n=====\n"), @r##"
    ---
    issue: "tag:inside.example,2026:issue-045"
    channel: mastodon
    digest: fcee21645e2ec3d1752da431caca0aa1b7d8b80c33275ec711d5ba9d4d542e3c
    page: fa9675aa32108a1a621488e99c287f43a97bb15ea775e7c50e5aef9e934e4730
    ---

    For Mastodon, as it stands:

    ````text
    Use ```fences``` well.

    On `code`
    https://inside.example/issues/the-infrastructure-nobody-uses/

    #Markdown
    ````

    The form, filled in: <https://social.example/share?text=Use%20%60%60%60fences%60%60%60%20well.%0A%0AOn%20%60code%60%0Ahttps%3A%2F%2Finside.example%2Fissues%2Fthe-infrastructure-nobody-uses%2F%0A%0A%23Markdown>

    =====
    ---
    issue: "tag:inside.example,2026:issue-045"
    channel: hackernews
    digest: 4e257c1184dd8d5b3990e06def5f57691007bbe58e26068bbf6540608b06ca23
    page: cd235c65ebdfe90777f86a15894fd8fd45713d8d07a92eec641f10043c729238
    ---

    For Hacker News, as it stands:

    Title:

    ```text
    On `code`
    ```

    Address:

    ```text
    https://inside.example/issues/the-infrastructure-nobody-uses/
    ```

    The form, filled in: <https://news.ycombinator.com/submitlink?u=https%3A%2F%2Finside.example%2Fissues%2Fthe-infrastructure-nobody-uses%2F&t=On%20%60code%60>

    =====
    ---
    issue: "tag:inside.example,2026:issue-045"
    channel: email
    digest: e9c7152bd70acfe05cf50e591a17fdc6221fc8da3b7b3e59728da099008f0595
    page: f9e85798bd8e2103f6c6e63fde6cee5334ae97e9acdc3b107328b6673507314b
    ---

    For mail, as it stands:

    Subject:

    ```text
    On `code`
    ```

    Text:

    ````text
    Use ```fences``` well.

    https://inside.example/issues/the-infrastructure-nobody-uses/

    -- 
    From The Inside
    ````

    =====
    ---
    issue: "tag:inside.example,2026:issue-045"
    channel: linkedin
    digest: b201212371be26b2b076db75eda3ffff6e84b7a2769459af81430b68f0fa9912
    page: 2afb131b079d47201c024e37d91d4491bc51f38b80745bfb58e4ac16a9cf9d2c
    ---

    For LinkedIn, as it stands:

    ````text
    Use ```fences``` well.

    On `code`
    https://inside.example/issues/the-infrastructure-nobody-uses/
    ````

    The form, with the address filled in (paste the text): <https://www.linkedin.com/sharing/share-offsite/?url=https%3A%2F%2Finside.example%2Fissues%2Fthe-infrastructure-nobody-uses%2F>
    "##);
}

#[test]
fn a_page_is_written_once_and_a_human_s_hand_is_respected() {
    let home = tempfile::tempdir().expect("a folder");
    let issue = issue_45();
    let file = |told_before| {
        let post = compose(&Telling { told_before, ..telling(&issue, Channel::Mastodon) }, &[]).expect("a post");
        write_outbox(home.path(), &issue, &post)
    };
    let filing = |told_before| file(told_before).expect("a page").filing;
    assert_eq!([filing(0), filing(0), filing(1), filing(1)], [Filing::Written, Filing::Unchanged, Filing::Written, Filing::Unchanged]);
    let path = home.path().join(outbox_path(&issue, Channel::Mastodon));
    let ours = fs::read_to_string(&path).expect("a text");
    for theirs in [ours.replace("encouragement", "praise"), "my own notes".into(), ours.replace('\n', "\r\n")] {
        fs::write(&path, &theirs).expect("written");
        assert_eq!([filing(1), filing(2)], [Filing::EditedByHand, Filing::EditedByHand]);
        assert_eq!(fs::read_to_string(&path).expect("a text"), theirs);
    }
    fs::write(&path, ours.replace("issue-045", "issue-999")).expect("written");
    assert_eq!(file(0).expect_err("taken").to_string(), "outbox/045-mastodon.md is taken by something else");
    let left: Vec<_> = fs::read_dir(home.path().join("outbox")).expect("a folder").collect();
    assert_eq!(left.len(), 1, "no temporary files");
}

#[test]
fn nothing_is_written_outside_the_home() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().expect("a folder");
    let issue = issue_45();
    let post = compose(&telling(&issue, Channel::X), &[]).expect("a post");

    let home = tempfile::tempdir().expect("a folder");
    symlink(outside.path(), home.path().join("outbox")).expect("a link");
    assert_eq!(write_outbox(home.path(), &issue, &post).expect_err("outside").to_string(), "outbox leads out of the home");

    let home = tempfile::tempdir().expect("a folder");
    fs::create_dir(home.path().join("outbox")).expect("a folder");
    fs::write(outside.path().join("theirs"), "theirs").expect("written");
    symlink(outside.path().join("theirs"), home.path().join("outbox/045-x.md")).expect("a link");
    assert!(matches!(write_outbox(home.path(), &issue, &post), Err(OutboxError::Taken { .. })));
    assert_eq!(fs::read_to_string(outside.path().join("theirs")).expect("a text"), "theirs");
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 1);

    assert!(write_outbox(&home.path().join("no-such-home"), &issue, &post).is_err());
}

#[test]
fn a_page_s_name_never_climbs() {
    let named = |number, slug: &str| outbox_path(&Issue { number, slug: slug.into(), ..issue_45() }, Channel::Mastodon);
    assert_eq!(named(Some(46), "x"), "outbox/046-mastodon.md");
    assert_eq!(named(Some(1234), "x"), "outbox/1234-mastodon.md");
    assert_eq!(named(None, "a-slug"), "outbox/a-slug-mastodon.md");
    assert_eq!(named(None, "../../etc/passwd"), "outbox/etc-passwd-mastodon.md");
    assert_eq!(named(None, "/"), "outbox/c07f80d8e1d9-mastodon.md");
    assert!(named(None, &"long".repeat(100)).len() < 120);
}
