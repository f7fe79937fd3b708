use std::io::Write;

use super::*;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0";

#[test]
fn the_usual_formats_are_read_and_nothing_else_is() {
    let combined =
        format!(r#"203.0.113.7 - - [20/Nov/2026:23:30:00 -0200] "GET /issues/a/?via=x HTTP/1.1" 200 12 "https://t.co/a" "{FIREFOX}""#);
    let line = Line::of(&combined).expect("a line");
    assert_eq!(line.at.to_rfc3339(), "2026-11-21T01:30:00+00:00");
    assert_eq!((&*line.address, &*line.method, &*line.target, line.status), ("203.0.113.7", "GET", "/issues/a/?via=x", 200));
    assert_eq!((&*line.referer, &*line.agent), ("https://t.co/a", FIREFOX));
    let hosted = format!("letter.example:443 {combined}");
    assert_eq!(Line::of(&hosted), Some(line));
    let common = r#"2001:db8::1 - frank o [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 304 -"#;
    let line = Line::of(common).expect("a line");
    assert_eq!((&*line.address, &*line.agent, &*line.referer, line.status), ("2001:db8::1", "", "", 304));
    let quotes = r#"1.2.3.4 - - [10/Oct/2000:13:55:36 +0000] "GET /\"a HTTP/1.0" 200 1 "-" "a \"b\\" "more""#;
    let line = Line::of(quotes).expect("a line");
    assert_eq!((&*line.target, &*line.referer, &*line.agent), (r#"/\"a"#, "", r#"a \"b\\"#));
    let caddy = format!(
        r#"{{"level":"info","ts":1795132800.25,"logger":"http.log.access","request":{{"remote_ip":"10.0.0.1","client_ip":"203.0.113.9","proto":"HTTP/2.0","method":"GET","host":"letter.example","uri":"/?via=mastodon","headers":{{"User-Agent":["{FIREFOX}"]}}}},"status":200,"size":3}}"#
    );
    let line = Line::of(&caddy).expect("a line");
    assert_eq!(
        (&*line.address, &*line.target, &*line.agent, line.at.timestamp()),
        ("203.0.113.9", "/?via=mastodon", FIREFOX, 1_795_132_800)
    );
    for broken in [
        "",
        "-",
        "{}",
        "{",
        "a b c [never] \"GET / HTTP/1.1\" 200 1",
        "a - - [10/Oct/2000:13:55:36 +0000] \"GET\" 200 1",
        "a - - [10/Oct/2000:13:55:36 +0000] \"GET / HTTP/1.0 200 1",
    ] {
        assert_eq!(Line::of(broken), None, "{broken}");
    }
}

fn line(day: u32, address: &str, target: &str, referer: &str, agent: &str) -> String {
    format!("{address} - - [{day}/Nov/2026:12:00:00 +0000] \"GET {target} HTTP/1.1\" 200 1 \"{referer}\" \"{agent}\"\n")
}

#[test]
fn whole_days_are_counted_by_page_and_source_whatever_lies_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("site");
    std::fs::create_dir_all(pages.join("issues/a")).expect("made");
    std::fs::write(pages.join("index.html"), "").expect("written");
    std::fs::write(pages.join("issues/a/index.html"), "").expect("written");
    let log = folder.path().join("access.log");
    let today = line(20, "203.0.113.7", "/", "-", FIREFOX);
    let long = format!("{}\n", "x".repeat(3 * LONGEST));
    let broken = [&long, "nonsense\n", "\u{fffd}\n"].concat();
    let yesterday = [
        line(19, "203.0.113.7", "/?via=mastodon", "-", FIREFOX),
        line(19, "203.0.113.7", "/issues/a/index.html", "https://letter.example/", FIREFOX),
        line(19, "203.0.113.7", "/", "-", FIREFOX),
        line(19, "203.0.113.8", "/secret/token", "https://www.google.com/", FIREFOX),
        line(19, "203.0.113.8", "/style.css", "-", FIREFOX),
        line(19, "203.0.113.9", "/", "-", "curl/8.5.0"),
        line(19, "203.0.113.9", "/", "-", "-"),
    ]
    .concat();
    std::fs::write(&log, format!("{broken}{today}")).expect("written");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(yesterday.as_bytes()).expect("packed");
    std::fs::write(folder.path().join("access.log.2.gz"), packed.finish().expect("packed")).expect("written");
    std::fs::write(folder.path().join("access.log.1"), line(18, "203.0.113.7", "/", "-", FIREFOX)).expect("written");
    std::fs::write(folder.path().join("access.log.bak"), line(17, "203.0.113.7", "/", "-", FIREFOX)).expect("written");
    let files = with_rotated(&log).expect("read");
    assert_eq!(files.len(), 3);
    let site = "https://letter.example/".parse().expect("an address");
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let logs = Logs { site: &site, pages: &pages, hosts: &[], today: day("2026-11-20"), salt: [7; 32] };
    let read = logs.read(&files, &|date| date != day("2026-11-18")).expect("read");
    assert_eq!((read.lines, read.broken), (12, 3));
    let mastodon = VisitSource::Channel(Channel::Mastodon);
    assert_eq!(
        read.days,
        [LoggedDay {
            day: day("2026-11-19"),
            pages: vec![
                ("/".to_owned(), mastodon, 2, 1),
                ("/issues/a/".to_owned(), mastodon, 1, 1),
                (OTHER.to_owned(), VisitSource::Search, 1, 1),
            ],
            landings: vec![(mastodon, 1), (VisitSource::Search, 1)],
            robots: 2,
        }]
    );
    assert_eq!(logs.read(&[folder.path().join("none")], &|_| true).expect_err("not there").0, folder.path().join("none"));
}

#[test]
fn one_who_changes_the_user_agent_is_no_crowd_in_a_log_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("access.log");
    let flood = (0..PEOPLE_A_NETWORK + 20).map(|n| line(19, &format!("203.0.113.{}", n % 250), "/", "-", &format!("{FIREFOX} {n}")));
    let text = flood.chain([line(19, "198.51.100.1", "/", "-", FIREFOX)]).collect::<String>();
    std::fs::write(&log, text).expect("written");
    let site = "https://letter.example/".parse().expect("an address");
    let today = "2026-11-20".parse().expect("a day");
    let logs = Logs { site: &site, pages: folder.path(), hosts: &[], today, salt: [7; 32] };
    let read = logs.read(&[log], &|_| true).expect("read");
    let day = &read.days[0];
    assert_eq!(day.landings, [(VisitSource::Direct, PEOPLE_A_NETWORK + 1)]);
    assert_eq!(day.pages, [(OTHER.to_owned(), VisitSource::Direct, PEOPLE_A_NETWORK + 21, PEOPLE_A_NETWORK + 1)], "views are counted");
}
