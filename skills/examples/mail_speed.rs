//! How fast letters go out: a bare loop of lettre against `deliver` with its ledger, to the same server in the same run.
//!
//! `cargo run --release -p reveille-skills --example mail_speed [HOST:PORT [RECIPIENTS]]`; without a server it brings a small one,
//! which takes everything and keeps nothing, so that the ledger's own cost shows.

use std::error::Error;
use std::io::{BufRead, BufReader, Write, stdout};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use chrono::{DateTime, Utc};
use lettre::message::MultiPart;
use lettre::{Message, SmtpTransport, Transport};
use reveille_memory::{Memory, NewRun};
use reveille_skills::channels::email::{Email, Letter, MailServer};
use reveille_skills::delivery::letter::{Round, deliver};
use reveille_skills::readers::Recipient;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let server = arguments.next().map_or_else(sink, Ok)?;
    let count: u32 = arguments.next().map_or(Ok(10_000), |count| count.parse())?;
    let paragraph = "Words of an ordinary length that a reader sees, and a link behind them.\n\n";
    let (text, html) = (paragraph.repeat(60), format!("<html><body><p>{}</p></body></html>", paragraph.repeat(80)));
    let bare = bare_loop(&server, count, &text, &html)?;
    let ours = with_ledger(&server, count, text, html)?;
    writeln!(stdout(), "with the ledger at {:.2} of the bare loop's speed", ours / bare)?;
    Ok(())
}

/// Mails a second of lettre's own transport: one line, one message after the other, no ledger.
fn bare_loop(server: &str, count: u32, text: &str, html: &str) -> Outcome<f64> {
    let (host, port) = server.rsplit_once(':').ok_or("HOST:PORT")?;
    let transport = SmtpTransport::builder_dangerous(host).port(port.parse()?).build();
    let begun = Instant::now();
    for at in 0..count {
        let message = Message::builder()
            .from("From the Inside <inside@a.example>".parse()?)
            .to(format!("Reader <bare{at}@b.example>").parse()?)
            .subject("Who reads this?")
            .multipart(MultiPart::alternative_plain_html(text.to_owned(), html.to_owned()))?;
        transport.send(&message)?;
    }
    report("lettre alone", count, begun.elapsed())
}

/// Mails a second with a row of the ledger for each.
fn with_ledger(server: &str, count: u32, text: String, html: String) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse()?;
    let mut memory = Memory::open(&folder.path().join("reveille.db"), now)?;
    let run = memory.begin_run(&NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 })?;
    let from = "From the Inside <inside@a.example>".to_owned();
    let email = Email::new(MailServer {
        address: format!("smtp://{server}").parse()?,
        user: None,
        password: None,
        ca: None,
        from: from.clone(),
        reply_to: None,
        dkim: None,
        patience: Duration::from_secs(30),
        environment: vec![],
    })?;
    let letter = Letter {
        issue: "tag:a.example,2026:45".into(),
        publication: "From the Inside".into(),
        language: "en".into(),
        date: None,
        subject: "Who reads this?".into(),
        subjects: vec![],
        from,
        reply_to: None,
        list_id: "<newsletter.a.example>".into(),
        unsubscribe: Some("https://a.example/unsubscribe/{token}".into()),
        site: None,
        survey: None,
        text,
        html,
        clicks: None,
        parts: vec![],
    };
    let reader = |at| Recipient { id: format!("{at:064}"), email: format!("reader{at}@b.example"), name: Some("Reader".into()) };
    let recipients: Vec<Recipient> = (0..count).map(reader).collect();
    let halfway = std::cell::Cell::new(0);
    let round = Round {
        run,
        key: b"a key",
        rate: 0,
        until: None,
        now: &|| now,
        sleep: &thread::sleep,
        may: &|_| Ok(()),
        step: &|_| {},
        progress: &|progress| {
            if progress.sent_now == 100 {
                halfway.set(resident());
            }
        },
    };
    let begun = Instant::now();
    let progress = deliver(&mut memory, &email, &letter, &recipients, &round)?;
    let rate = report("with the ledger", count, begun.elapsed())?;
    writeln!(stdout(), "memory: {} kB after 100 mails, {} kB after {}", halfway.get(), resident(), progress.sent)?;
    if progress.sent == u64::from(count) { Ok(rate) } else { Err(format!("not all were sent: {progress:?}").into()) }
}

fn report(what: &str, count: u32, took: Duration) -> Outcome<f64> {
    let rate = f64::from(count) / took.as_secs_f64();
    writeln!(stdout(), "{what}: {count} mails in {:.1} s, {rate:.0} a second", took.as_secs_f64())?;
    Ok(rate)
}

/// The memory that the process holds, in kB; 0 where the system does not say.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|size| size.parse().ok()).unwrap_or(0)
}

/// A server on a free port that takes everything and keeps nothing.
fn sink() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || converse(&stream));
        }
    });
    Ok(address)
}

fn converse(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let say = |line: &str| { stream }.write_all(line.as_bytes());
    say("220 sink\r\n")?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        if line.starts_with("DATA") {
            say("354 go on\r\n")?;
            while line != ".\r\n" {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
            }
        }
        say("250 ok\r\n")?;
        line.clear();
    }
    Ok(())
}
