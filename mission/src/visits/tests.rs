use super::*;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0";

#[test]
fn programs_are_told_from_people() {
    assert!(ROBOT.is_some(), "the list is no list of patterns");
    for agent in [
        "",
        " ",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "curl/8.5.0",
        "Wget/1.21.4",
        "python-requests/2.31.0",
        "Go-http-client/1.1",
        "Mastodon/4.2.0 (http.rb/5.1.1; +https://social.example/) Bot",
    ] {
        assert!(is_robot(agent), "{agent:?}");
    }
    for agent in [
        FIREFOX,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36 Edg/123.0.0.0",
        "Mozilla/5.0 (Linux; Android 8.0.0; SM-G960F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/66.0.3359.158 Mobile Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12_6) AppleWebKit/603.3.8 (KHTML, like Gecko) Version/10.1.2 Safari/603.3.8",
        "Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1",
    ] {
        assert!(!is_robot(agent), "{agent:?}");
    }
}

#[test]
fn what_nobody_looks_at_is_no_person_s() {
    for (whole, agent, purpose, expected) in [
        (true, Some(FIREFOX), None, Fetcher::Person),
        (true, Some(FIREFOX), Some("prefetch;prerender"), Fetcher::Prefetch),
        (true, Some(FIREFOX), Some("Prefetch"), Fetcher::Prefetch),
        (true, Some(FIREFOX), Some("something"), Fetcher::Person),
        (false, Some(FIREFOX), None, Fetcher::Robot),
        (true, None, None, Fetcher::Robot),
        (true, Some("curl/8.5.0"), Some("prefetch"), Fetcher::Robot),
    ] {
        assert_eq!(Fetcher::of(whole, agent, purpose), expected, "{whole} {agent:?} {purpose:?}");
    }
}

#[test]
fn what_brought_somebody_has_one_of_a_few_names() {
    let hosts = [("social.example".to_owned(), Channel::Mastodon), ("PDS.example".to_owned(), Channel::Bluesky)];
    for (via, referer, expected) in [
        (None, None, "direct"),
        (None, Some(""), "direct"),
        (None, Some("letter.example"), "direct"),
        (Some("mastodon"), None, "mastodon"),
        (Some("email"), Some("social.example"), "email"),
        (Some("web"), None, "direct"),
        (Some("<script>"), Some("elsewhere.example"), "link"),
        (None, Some("social.example"), "mastodon"),
        (None, Some("pds.example"), "bluesky"),
        (None, Some("antisocial.example"), "link"),
        (None, Some("old.reddit.com."), "reddit"),
        (None, Some("T.CO"), "x"),
        (None, Some("netflix.com"), "link"),
        (None, Some("news.ycombinator.com"), "hackernews"),
        (None, Some("www.google.co.uk"), "search"),
        (None, Some("google"), "link"),
        (None, Some("duckduckgo.com"), "search"),
    ] {
        let source = Source::of(via, referer, "letter.example", &hosts);
        assert_eq!(source.to_string(), expected, "{via:?} {referer:?}");
        assert_eq!(source.to_string().parse::<Source>(), Ok(source));
    }
    assert_eq!("".parse(), Ok(Source::Unknown));
    assert!("nothing".parse::<Source>().is_err());
}

#[test]
fn a_visitor_has_one_number_a_salt() {
    let number = |salt: u8, shown: &[&str]| visitor_number(&[salt; 32], shown);
    assert_eq!(number(1, &["203.0.113.7", FIREFOX, "letter.example"]), number(1, &["203.0.113.7", FIREFOX, "letter.example"]));
    assert_ne!(number(1, &["203.0.113.7", FIREFOX, "letter.example"]), number(2, &["203.0.113.7", FIREFOX, "letter.example"]));
    assert_ne!(number(1, &["203.0.113.7", FIREFOX]), number(1, &["203.0.113.8", FIREFOX]));
    assert_ne!(number(1, &["ab", "c"]), number(1, &["a", "bc"]));
}
