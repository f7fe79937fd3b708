//! Mail against a small real server, and what hostile words become.

mod ways;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use reveille_memory::{Key, Memory, NewEffect, Sending, Standing};

use super::mail::Ways;
use super::script::Script;
use super::*;
use crate::readers::Recipient;
use crate::settings::Publication;

/// The private key of RFC 8463, appendix A.2.
const ED25519: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00.5Z".parse().expect("a time")
}

pub(crate) fn server(address: &str) -> MailServer {
    MailServer {
        address: address.parse().expect("an address"),
        user: None,
        password: None,
        ca: None,
        from: "From the Inside <inside@a.example>".into(),
        reply_to: None,
        dkim: None,
        patience: Duration::from_secs(2),
        environment: vec![],
    }
}

fn at(script: &Script) -> Email {
    Email::new(server(&format!("smtp://127.0.0.1:{}", script.port))).expect("a server")
}

pub(crate) fn letter() -> Letter {
    Letter {
        issue: "tag:a.example,2026:45".into(),
        publication: "From the Inside".into(),
        language: "en".into(),
        date: None,
        subject: "Who reads this?".into(),
        subjects: vec![],
        from: "From the Inside <inside@a.example>".into(),
        reply_to: None,
        list_id: "<newsletter.a.example>".into(),
        unsubscribe: Some("https://a.example/unsubscribe/{token}".into()),
        site: None,
        survey: None,
        text: "Words.\n.\nMore\r.\r\nEnd".into(),
        html: "<html><body><p>Words</p></body></html>".into(),
        clicks: None,
        parts: vec![],
    }
}

/// A server that is not asked.
fn server_alone() -> Email {
    Email::new(server("smtp://127.0.0.1:1")).expect("a server")
}

fn reader(email: &str, name: Option<&str>) -> Recipient {
    Recipient { id: crate::disk::sha256(email.as_bytes()), email: email.into(), name: name.map(str::to_owned) }
}

/// A mail that a ledger has let go.
fn let_go(letter: &Letter, reader: &Recipient) -> (Sending, Vec<Attached>) {
    let kept = letter.frozen().expect("frozen");
    let (text, token) = freeze(letter, &kept.digest, reader, b"key", now()).expect("frozen");
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    let run = crate::delivery::letter::tests::run(&mut memory, now());
    let key = Key { issue: letter.issue.clone(), channel: "email".into(), part: "letter".into(), recipient: reader.id.clone() };
    let standing = memory.intend(&NewEffect { key, text, token, run }, now()).expect("written");
    let Standing::Intended(intended) = standing else { panic!("not new") };
    (intended.send(&mut memory, now()).expect("let go"), vec![kept])
}

fn hand_over(email: &Email, to: &str) -> Result<Receipt, NotTaken> {
    let (sending, attached) = let_go(&letter(), &reader(to, Some("Ann")));
    email.hand_over(&sending, &attached, now())
}

fn message(email: &Email, letter: &Letter, reader: &Recipient) -> Result<String, Fault> {
    let (text, _) = freeze(letter, "digest", reader, b"key", now())?;
    let mail = Mail::of(&text).expect("a mail");
    mail::build(email, &mail, letter).map(|ready| ready.text)
}

#[test]
fn each_answer_means_what_it_says_and_the_line_stays_usable() {
    let script = Script::start();
    let email = at(&script);
    let receipt = hand_over(&email, "ann@b.example").expect("taken");
    assert_eq!((receipt.kind.as_str(), receipt.id.as_str()), ("smtp", "Q1"));
    assert_eq!(receipt.text, "250 2.0.0 Ok: queued as Q1");
    for (to, expected, bounced) in [
        ("reject@b.example", "refuses it for good: 550 5.1.1 no such user", true),
        ("policy@b.example", "can't be reached now: 554 5.7.1 relay access denied", false),
        ("later@b.example", "can't be reached now: 451 4.7.1 try again later", false),
        ("spam@b.example", "refuses it for good: 554 5.6.0 not such words", false),
        ("busy@b.example", "can't be reached now: 452 4.3.1 full", false),
        ("closing@b.example", "can't be reached now: 421 4.3.2 closing", false),
        ("drop@b.example", "can't be reached now: ", false),
        ("odd@b.example", "gave no clear answer: 354 more?", false),
        ("lost@b.example", "gave no clear answer: ", false),
        ("silent@b.example", "gave no clear answer: ", false),
    ] {
        let not_taken = hand_over(&email, to).expect_err("not taken");
        assert!(not_taken.fault.to_string().contains(expected), "{to}: {}", not_taken.fault);
        assert_eq!(not_taken.bounced, bounced, "{to}");
        hand_over(&email, "ann@b.example").expect("the next is taken");
    }
    let taken: Vec<String> = script.taken().iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(taken.iter().filter(|to| *to == "ann@b.example").count(), 11);
    assert_eq!(taken.iter().filter(|to| *to == "lost@b.example").count(), 1, "what may have arrived is not sent again");
    // One line for all, and another after each of the five that were cut; two were tried again on a new one.
    assert_eq!(script.lines(), 8);
    assert_eq!(script.taken()[0].from, "inside@a.example");
    // Lines of a dot alone are in the text, and are doubled on the line.
    assert!(script.taken()[0].text.contains("\r\nWords.\r\n..\r\nMore\r\n..\r\nEnd"));
}

#[test]
fn what_is_about_us_costs_no_reader_their_place() {
    let script = Script::start();
    let mut banned = letter();
    banned.from = "banned@a.example".into();
    let (sending, attached) = let_go(&banned, &reader("ann@b.example", None));
    let not_taken = at(&script).hand_over(&sending, &attached, now()).expect_err("not taken");
    let stops = matches!(not_taken.fault, Fault::Later { .. }) && not_taken.stops;
    assert!(stops && !not_taken.bounced, "{}", not_taken.fault);

    let with = |password: &str| {
        let settings = MailServer {
            user: Some("u".into()),
            password: Some(password.to_owned().into()),
            ..server(&format!("smtp://127.0.0.1:{}", script.port))
        };
        Email::new(settings).expect("a server")
    };
    assert_eq!(with("p").account().expect("let in").name, "From the Inside <inside@a.example>");
    let fault = with("hunter2").account().expect_err("refused");
    assert_eq!(
        fault.to_string(),
        "mail does not accept the credential: the login is refused (535)".replace("mail", reveille_mission::Channel::Email.title())
    );
    assert!(!format!("{:?} {fault}", with("hunter2")).contains("hunter2"));
    // Nobody listens there.
    let gone = Email::new(server("smtp://127.0.0.1:1")).expect("a server");
    assert!(matches!(gone.account(), Err(Fault::Later { .. })));
}

#[test]
fn what_can_t_work_is_refused_before_anything_is_sent() {
    let refuse = |change: &dyn Fn(&mut MailServer)| {
        let mut settings = server("smtps://m.example");
        change(&mut settings);
        Email::new(settings).expect_err("refused").to_string()
    };
    for (why, change) in [
        ("go together", &(|s: &mut MailServer| s.user = Some("u".into())) as &dyn Fn(&mut MailServer)),
        ("no mail address", &|s| s.from = "nobody".into()),
        ("no mail address", &|s| s.from = "A <a@b.example> <c@d.example>, x".into()),
        ("U+000A", &|s| s.from = "A\nBcc: x@y.example <a@b.example>".into()),
        ("U+000D", &|s| s.reply_to = Some("a@b.example\r".into())),
        ("`smtp` is", &|s| s.address = "https://m.example".parse().expect("an address")),
        ("use `user`", &|s| s.address = "smtps://u:p@m.example".parse().expect("an address")),
        ("certificates", &|s| s.ca = Some("/nowhere.pem".into())),
        ("program on this machine", &|s| s.address = "sendmail://host/usr/sbin/sendmail".parse().expect("an address")),
        ("neither RSA", &|s| s.dkim = Some(Dkim { domain: "a.example".into(), selector: "s".into(), key: "x".to_owned().into() })),
        ("names as in the DNS", &|s| s.dkim = Some(Dkim { domain: "a b".into(), selector: "s".into(), key: ED25519.to_owned().into() })),
    ] {
        let said = refuse(change);
        assert!(said.contains(why), "{said}");
    }
    let remote = Email::new(MailServer { address: "smtp://192.0.2.1".parse().expect("an address"), ..server("smtp://localhost") });
    let Way::Smtp(smtp) = remote.expect("a server").way else { panic!("no line") };
    assert!(smtp.is_encrypted(), "STARTTLS is not asked for elsewhere");
}

#[test]
fn a_message_is_the_same_each_time_and_whole() {
    let script = Script::start();
    let email = at(&script);
    let ann = reader("ann@b.example", Some("Ann, Grüße"));
    let one = message(&email, &letter(), &ann).expect("built");
    assert_eq!(one, message(&email, &letter(), &ann).expect("built"));
    insta::assert_snapshot!(one.replace('\r', ""), @r#"
        From: "From the Inside" <inside@a.example>
        To: =?utf-8?b?QW5uLCBHcsO8w59l?= <ann@b.example>
        Subject: Who reads this?
        Date: Fri, 20 Nov 2026 14:00:00 +0000
        Message-ID: <8670b5fe62d30e8d814dae4019b5bf184958ea13@a.example>
        List-ID: <newsletter.a.example>
        List-Unsubscribe: <https://a.example/unsubscribe/7db1f2925c7360041168eb9ee9167f757b909438>,
         <mailto:inside@a.example?subject=unsubscribe%207db1f2925c7360041168eb9ee9167f757b909438>
        List-Unsubscribe-Post: List-Unsubscribe=One-Click
        MIME-Version: 1.0
        Content-Type: multipart/alternative;
         boundary="reveille-0bf474896363505e5ea5e5d6ace8ebfb13a760a4"

        --reveille-0bf474896363505e5ea5e5d6ace8ebfb13a760a4
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        Words.
        .
        More
        .
        End

        --=20
        From the Inside
        Unsubscribe: https://a.example/unsubscribe/7db1f2925c7360041168eb9ee9167f75=
        7b909438

        --reveille-0bf474896363505e5ea5e5d6ace8ebfb13a760a4
        Content-Type: text/html; charset=utf-8
        Content-Transfer-Encoding: quoted-printable

        <html><body><p>Words</p><p style=3D"max-width:38em;margin:0 auto;padding:0 =
        1em 2em;font:14px/1.5 sans-serif;color:#666">From the Inside =C2=B7 <a href=
        =3D"https://a.example/unsubscribe/7db1f2925c7360041168eb9ee9167f757b909438"=
         style=3D"color:#666">Unsubscribe</a></p>
        </body></html>
        --reveille-0bf474896363505e5ea5e5d6ace8ebfb13a760a4--
        "#);
}

#[test]
fn each_reader_s_subject_is_frozen_in_their_mail_and_older_mails_stay_readable() {
    let email = Email::new(server("smtp://127.0.0.1:1")).expect("a server");
    let shared = letter().with_subjects(vec!["One".into(), "Another".into()]).expect("subjects");
    let mut seen = std::collections::BTreeSet::new();
    for nth in 0..20 {
        let reader = reader(&format!("reader{nth}@b.example"), None);
        let expected = shared.subject_for(&reader.id).expect("one of them");
        let message = message(&email, &shared, &reader).expect("a message");
        assert!(message.contains(&format!("\r\nSubject: {expected}\r\n")), "{message}");
        seen.insert(expected);
    }
    assert_eq!(seen.len(), 2);
    let wrong = letter().with_subjects(vec!["One".into(), "Bcc\r\nBcc: eve@b.example".into()]);
    assert!(matches!(wrong, Err(Fault::Refused { .. })), "{wrong:?}");

    // As a program without experiments froze them: read, and written with the same bytes.
    let old = br#"{"letter":"d","to":"a@b.example","name":null,"message_id":"<x@a.example>","token":"t","date":"2026-11-20T14:00:00Z"}"#;
    let mail = Mail::of(old).expect("a mail");
    assert_eq!((mail.subject.as_ref(), serde_json::to_vec(&mail).expect("written")), (None, old.to_vec()));
    let kept = letter().frozen().expect("frozen");
    assert!(!String::from_utf8_lossy(&kept.bytes).contains("subjects"), "its digest is what it was");
    assert_eq!(Letter::of(&kept), Some(letter()));
    let one = letter().with_subjects(vec!["Only".into()]).expect("a subject");
    assert_eq!((one.subject.as_str(), one.subjects.len(), one.subject_for("a")), ("Only", 0, None));
}

#[test]
fn a_signature_covers_the_headers_by_name() {
    let mut settings = server("smtp://127.0.0.1:2525");
    settings.dkim = Some(Dkim { domain: "a.example".into(), selector: "s1".into(), key: ED25519.to_owned().into() });
    let email = Email::new(settings).expect("a server");
    let text = message(&email, &letter(), &reader("ann@b.example", Some("Ann"))).expect("built").replace("\r\n ", " ");
    let signature = text.lines().find(|line| line.starts_with("DKIM-Signature: ")).expect("signed");
    let names = "h=from:to:subject:date:message-id:reply-to:list-id:list-unsubscribe:list-unsubscribe-post:mime-version:content-type";
    assert!(signature.contains(names) && signature.contains("a=ed25519-sha256; d=a.example; s=s1; c=relaxed/relaxed"), "{signature}");
    assert!(!format!("{email:?}").contains("nWGx"));
}

#[test]
fn a_program_on_this_machine_is_believed_where_it_is_clear() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("sendmail");
    let email = Email::new(server(&format!("sendmail://{}", program.display()))).expect("a server");
    assert!(matches!(email.account(), Err(Fault::Later { .. })));
    let install = |script: &str| {
        // A program that is being written can't be run: it appears whole.
        let new = folder.path().join("new");
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("runs");
        fs::rename(&new, &program).expect("there");
    };
    install(&format!("printf '%s|' \"$@\" > {0}/args; cat > {0}/mail", folder.path().display()));
    let receipt = hand_over(&email, "ann@b.example").expect("taken");
    assert!(receipt.id.ends_with("@a.example>"), "{}", receipt.id);
    email.account().expect("a program");
    assert_eq!(fs::read_to_string(folder.path().join("args")).expect("args"), "-i|-f|inside@a.example|--|ann@b.example|");
    let mail = fs::read_to_string(folder.path().join("mail")).expect("mail");
    assert!(mail.starts_with("From: ") && !mail.contains('\r'));
    for (script, expected, bounced) in [
        ("cat >/dev/null; exit 75", "can't be reached now: exit code 75", false),
        ("echo 'no such user' >&2; exit 67", "refuses it for good: exit code 67 no such user", true),
        ("cat >/dev/null; exit 1", "gave no clear answer", false),
        ("kill -9 $$", "gave no clear answer", false),
        ("sleep 30", "did not end in time", false),
    ] {
        install(script);
        let not_taken = hand_over(&email, "ann@b.example").expect_err("not taken");
        assert!(not_taken.fault.to_string().contains(expected), "{script}: {}", not_taken.fault);
        assert_eq!(not_taken.bounced, bounced, "{script}");
    }
}

/// The names of the headers, in order, and how many recipients `To` has.
fn headers(message: &str) -> Vec<String> {
    let (head, _) = message.split_once("\r\n\r\n").expect("a head");
    let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    lines.map(|line| line.split_once(':').expect("a header").0.to_owned()).collect()
}

/// The line without its quoted strings.
fn unquoted(line: &str) -> String {
    let (mut out, mut quoted, mut chars) = (String::new(), false, line.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            c if !quoted => out.push(c),
            _ => {}
        }
    }
    out
}

const HEADERS: [&str; 10] =
    ["From", "To", "Subject", "Date", "Message-ID", "List-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\0".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("\u{85}".to_owned()),
        Just("\r\n.\r\n".to_owned()),
        Just("\r\nBcc: x@y.example\r\n".to_owned()),
        Just("=?utf-8?q?=0D=0ABcc:_x@y.example?=".to_owned()),
        Just("=?utf-8?b?".to_owned()),
        Just("> NOTIFY=NEVER <".to_owned()),
        Just("\", <x@y.example>".to_owned()),
        Just("@b.example".to_owned()),
        Just(" ".to_owned()),
        "\\PC{0,12}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_adds_a_header_or_a_recipient(field in 0..7usize, words in hostile(), around in any::<bool>()) {
        let words = if around { format!("a{words}b") } else { words };
        let email = Email::new(server("smtp://127.0.0.1:2525")).expect("a server");
        let (mut letter, mut to) = (letter(), reader("ann@b.example", Some("Ann")));
        match field {
            0 => letter.subject = words.clone(),
            1 => letter.from = format!("{words} <inside@a.example>"),
            2 => letter.publication = words.clone(),
            3 => to.name = Some(words.clone()),
            4 => to.email = format!("{words}@b.example"),
            5 => letter.text = words.clone(),
            _ => letter.html = format!("<body>{words}</body>"),
        }
        match message(&email, &letter, &to) {
            Err(fault) => {
                let clear = matches!(fault, Fault::Refused { .. }) && !fault.to_string().contains('\n');
                prop_assert!(clear, "{}", fault);
            }
            Ok(text) => {
                prop_assert_eq!(headers(&text), HEADERS);
                let bare = text.replace("\r\n", "").contains(['\r', '\n', '\0']);
                prop_assert!(text.is_ascii() && !bare);
                let (head, _) = text.split_once("\r\n\r\n").expect("a head");
                let head = head.replace("\r\n ", " ");
                let line = |name: &str| head.lines().find(|line| line.starts_with(name)).expect("a header").to_owned();
                for name in ["To: ", "From: "] {
                    let plain = unquoted(&line(name));
                    let one = plain.matches('<').count() <= 1 && !plain.contains(',');
                    prop_assert!(one, "{}", plain);
                }
                prop_assert!(field == 4 || line("To: ").contains("ann@b.example"));
                prop_assert!(!line("Subject: ").contains("?q?=0D"));
            }
        }
    }
}

#[test]
fn the_letter_of_an_issue_is_its_page() {
    let home = tempfile::tempdir().expect("a home");
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    fs::create_dir_all(home.path().join("memory")).expect("made");
    write("issues/044-small.md", "---\ntitle: Small models\ndate: 2026-10-20\nslug: small\nid: tag:a.example,2026:44\n---\nWords.\n");
    write("issues/p.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>");
    write(
        "issues/045-who.md",
        "---\ntitle: Who reads <this> & why\ndate: 2026-11-20\nslug: who\nid: tag:a.example,2026:45\n---\nSee [the last](044-small.md).\n\n![A dot](p.svg)\n\n<script>x</script>\n",
    );
    let publication = Publication {
        name: "From the Inside".into(),
        url: "https://a.example".parse().expect("an address"),
        owner: "o@a.example".into(),
        language: "en".into(),
        description: None,
        served: false,
        readers_side: false,
    };
    crate::site::render(home.path(), &publication).expect("rendered");
    let loaded = crate::shelf::load(home.path()).expect("loaded");
    let issue = loaded.shelf.by_id("tag:a.example,2026:45").expect("there").clone();
    let email = Email::new(server("smtp://localhost")).expect("a server");
    let compose = |unsubscribe: &str| compose(home.path(), &publication, &issue, &email, Some(unsubscribe));
    let letter = compose("https://a.example/leave?t={token}").expect("composed");
    assert_eq!(letter, compose("https://a.example/leave?t={token}").expect("composed"));
    assert_eq!(letter.subject, "Who reads <this> & why");
    assert_eq!(letter.unsubscribe.as_deref(), Some("https://a.example/leave?t={token}"));
    assert_eq!(letter.list_id, "<newsletter.a.example>");
    assert_eq!(compose("http://a.example/{token}").expect("composed").unsubscribe, None);
    assert!(compose("https://a.example/leave").is_err());
    insta::assert_snapshot!(letter.text, @r#"
        Who reads <this> & why
        https://a.example/issues/who/

        See the last (https://a.example/issues/small/).

        [A dot] (https://a.example/issues/who/p.svg)
        "#);
    for part in [
        "<p>See <a href=\"https://a.example/issues/small/\" style=",
        "src=\"https://a.example/issues/who/p.svg\" alt=\"A dot\"",
        "Who reads &lt;this&gt; &amp; why</a></h1>",
    ] {
        assert!(letter.html.contains(part), "{part} in {}", letter.html);
    }
    assert!(!letter.html.contains("<style") && !letter.html.contains("<script"));
    let whole = letter.html_with(
        &Ways { header: String::new(), link: "https://a.example/leave?t=1&u=2".into(), preferences: None, survey: None, one_click: true },
        None,
    );
    assert!(whole.contains("<a href=\"https://a.example/leave?t=1&amp;u=2\"") && whole.trim_end().ends_with("</html>"), "{whole}");
}
