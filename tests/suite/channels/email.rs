//! Letters through the ledger to real mail servers: STARTTLS and TLS with a login, and what becomes of addresses that are
//! refused, put off, cut off or lost.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_memory::{EffectState, Memory, NewRun, RunId};
use reveille_skills::channels::email::{Email, Letter, MailServer};
use reveille_skills::channels::{Connection, Fault};
use reveille_skills::delivery::letter::{PART, Progress, Round, Stopped, deliver};
use reveille_skills::readers::Recipient;
use reveille_tests::servers::Smtp;

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().unwrap()
}

fn settings(smtp: &Smtp, address: String, password: Option<&str>) -> MailServer {
    MailServer {
        address: address.parse().unwrap(),
        user: password.map(|_| smtp.user.clone()),
        password: password.map(|password| password.to_owned().into()),
        ca: password.map(|_| smtp.ca.clone()),
        from: "From the Inside <inside@a.example>".into(),
        reply_to: None,
        dkim: None,
        patience: Duration::from_secs(10),
        environment: vec![],
    }
}

fn letter() -> Letter {
    Letter {
        issue: "tag:a.example,2026:45".into(),
        publication: "From the Inside".into(),
        language: "en".into(),
        date: None,
        subject: "Grüße: who reads this?".into(),
        subjects: vec![],
        from: "From the Inside <inside@a.example>".into(),
        reply_to: None,
        list_id: "<newsletter.a.example>".into(),
        unsubscribe: Some("https://a.example/unsubscribe/{token}".into()),
        site: None,
        survey: None,
        text: "Words.\n.\n.two\nEnd".into(),
        html: "<html><body><p>Words</p></body></html>".into(),
        clicks: None,
        parts: vec![],
    }
}

fn readers(locals: &[&str]) -> Vec<Recipient> {
    let reader = |local: &&str| Recipient { id: format!("id-of-{local}"), email: format!("{local}@b.example"), name: Some("Ann".into()) };
    locals.iter().map(reader).collect()
}

struct Home {
    _folder: tempfile::TempDir,
    memory: Memory,
    run: RunId,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(&folder.path().join("reveille.db"), now()).unwrap();
        let run = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
        let run = memory.begin_run(&run).unwrap();
        Self { _folder: folder, memory, run }
    }

    fn deliver(&mut self, email: &Email, to: &[Recipient]) -> Progress {
        let round = Round {
            run: self.run,
            key: b"a key of this home",
            rate: 0,
            until: None,
            now: &now,
            sleep: &|_| {},
            may: &|_| Ok(()),
            step: &|_| {},
            progress: &|_| {},
        };
        deliver(&mut self.memory, email, &letter(), to, &round).unwrap()
    }
}

fn text(message: &[u8]) -> String {
    String::from_utf8(message.to_vec()).unwrap()
}

#[test]
fn a_letter_goes_out_over_tls_with_a_login() {
    let smtp = Smtp::start();
    let to = readers(&["ann", "bob"]);
    for (sent, address) in [(2, format!("smtp://localhost:{}", smtp.secure_port)), (4, format!("smtps://localhost:{}", smtp.tls_port))] {
        let mut home = Home::new();
        let email = Email::new(settings(&smtp, address, Some(&smtp.password))).unwrap();
        let progress = home.deliver(&email, &to);
        assert_eq!((progress.sent, progress.total(), progress.stopped), (2, 2, None));
        assert_eq!(home.deliver(&email, &to).sent_now, 0, "a second call sends nothing");
        assert_eq!(smtp.secure_messages().len(), sent);
        assert_eq!(Connection::Email(email).account(now()).unwrap().name, "From the Inside <inside@a.example>");
    }
    let first = text(&smtp.secure_messages()[0]);
    for part in [
        "Delivered-To: ann@b.example\r\n",
        "Return-Path: <inside@a.example>",
        "\r\nList-Unsubscribe: <https://a.example/unsubscribe/",
        "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "\r\nList-ID: <newsletter.a.example>\r\n",
        "Words.\r\n.\r\n.two\r\nEnd\r\n",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
}

#[test]
fn a_wrong_password_or_authority_sends_nothing() {
    let smtp = Smtp::start();
    let address = format!("smtp://localhost:{}", smtp.secure_port);
    let to = readers(&["ann"]);
    let mut home = Home::new();
    let email = Email::new(settings(&smtp, address.clone(), Some("wrong-horse"))).unwrap();
    let progress = home.deliver(&email, &to);
    assert_eq!((progress.sent, progress.left), (0, 1));
    let Some(Stopped::Server(fault @ Fault::Credential { .. })) = progress.stopped else { panic!("{progress:?}") };
    assert!(!fault.to_string().contains("horse") && fault.hint().is_some());

    // Another authority than the server's: the system's, by a name that asks for them.
    let strange = MailServer {
        address: format!("smtps://localhost:{}", smtp.tls_port).parse().unwrap(),
        ca: None,
        ..settings(&smtp, address, Some(&smtp.password))
    };
    let fault = Connection::Email(Email::new(strange).unwrap()).account(now()).unwrap_err();
    assert!(matches!(fault, Fault::Later { .. }), "{fault}");

    // In clear the server takes neither a login nor a mail.
    let plain = MailServer { ca: None, ..settings(&smtp, format!("smtp://127.0.0.1:{}", smtp.secure_port), Some(&smtp.password)) };
    assert!(Connection::Email(Email::new(plain).unwrap()).account(now()).is_err());
    assert!(smtp.secure_messages().is_empty());
}

#[test]
fn each_reader_ends_where_the_server_s_answer_says() {
    let smtp = Smtp::start();
    let mut home = Home::new();
    let email = Email::new(settings(&smtp, format!("smtp://127.0.0.1:{}", smtp.plain_port), None)).unwrap();
    let to = readers(&["ann", "reject", "later", "bob", "drop", "lost", "cyd"]);
    let progress = home.deliver(&email, &to);
    assert_eq!((progress.sent, progress.refused, progress.put_back, progress.unknown, progress.left), (3, 1, 2, 1, 0), "{progress:?}");
    assert_eq!(progress.total(), 7);
    let suppressed: Vec<String> = home.memory.suppressed().unwrap().into_iter().map(|one| one.subscriber).collect();
    assert_eq!(suppressed, ["id-of-reject"]);
    let lost = home.memory.mails(&letter().issue, PART, EffectState::Unknown, now(), 10).unwrap();
    assert_eq!(lost.iter().map(|effect| effect.recipient.as_str()).collect::<Vec<_>>(), ["id-of-lost"]);
    let sent = home.memory.mails(&letter().issue, PART, EffectState::Confirmed, now(), 10).unwrap();
    for effect in &sent {
        let proof = home.memory.evidence(effect.id).unwrap();
        assert!(proof[0].text.as_deref().unwrap().contains("queued as"), "{proof:?}");
    }

    let again = home.deliver(&email, &to);
    assert_eq!((again.sent_now, again.sent, again.unknown), (0, 3, 1));
    let arrived: Vec<String> = smtp.plain_messages().iter().map(|message| text(message)).collect();
    assert_eq!(arrived.len(), 4, "three that were taken, and the one whose answer was lost");
    let ids: BTreeSet<&str> = arrived.iter().filter_map(|mail| mail.lines().find(|line| line.starts_with("Message-ID: "))).collect();
    assert_eq!(ids.len(), 4, "each has a name of its own");
}
