use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Who a request is from: its socket, the lines of its header, the proxies of the settings.
fn peer(socket: &str, lines: &[&str], proxies: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(FORWARDED, line.parse().unwrap());
    }
    let proxies: Vec<_> = proxies.iter().map(|proxy| ip(proxy)).collect();
    Peer::of(ip(socket), &headers, &proxies).0.to_string()
}

#[test]
fn nobody_but_a_proxy_of_the_settings_is_believed() {
    assert_eq!(peer("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
    assert_eq!(peer("203.0.113.9", &["198.51.100.1"], &["127.0.0.1"]), "203.0.113.9");
    assert_eq!(peer("127.0.0.1", &["198.51.100.1"], &["127.0.0.1"]), "198.51.100.1");
    assert_eq!(peer("127.0.0.1", &[], &["127.0.0.1"]), "127.0.0.1");
}

#[test]
fn what_a_client_writes_itself_stands_left_of_its_own_address_and_is_not_read() {
    let proxies = ["127.0.0.1", "10.0.0.2"];
    assert_eq!(peer("127.0.0.1", &["192.0.2.66, 198.51.100.1"], &proxies), "198.51.100.1");
    assert_eq!(peer("127.0.0.1", &["192.0.2.66,198.51.100.1 , 10.0.0.2"], &proxies), "198.51.100.1");
    assert_eq!(peer("127.0.0.1", &["192.0.2.66", "198.51.100.1", "10.0.0.2"], &proxies), "198.51.100.1", "several lines are one list");
    assert_eq!(peer("127.0.0.1", &["rubbish, 198.51.100.1"], &proxies), "198.51.100.1");
    assert_eq!(peer("127.0.0.1", &["10.0.0.2, 10.0.0.2"], &proxies), "127.0.0.1", "only proxies: nobody is named");
}

#[test]
fn what_is_no_address_counts_as_not_said() {
    for garbage in ["", "unknown", "198.51.100.1, ", "198.51.100.1, x", "198.51.100.1;", "1.2.3", "[::1", "198.51.100.1 192.0.2.1"] {
        assert_eq!(peer("127.0.0.1", &[garbage], &["127.0.0.1"]), "127.0.0.1", "{garbage:?}");
    }
    let mut headers = HeaderMap::new();
    headers.append(FORWARDED, axum::http::HeaderValue::from_bytes(b"198.51.100.\xff").unwrap());
    assert_eq!(Peer::of(ip("127.0.0.1"), &headers, &[ip("127.0.0.1")]), Peer(ip("127.0.0.1")));
}

#[test]
fn an_address_has_one_form() {
    assert_eq!(peer("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
    assert_eq!(peer("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], &["127.0.0.1"]), "198.51.100.1");
    assert_eq!(peer("127.0.0.1", &["198.51.100.1:4711"], &["::ffff:127.0.0.1"]), "198.51.100.1");
    assert_eq!(peer("::1", &["[2001:db8::5]:443"], &["::1"]), "2001:db8::5");
}

#[test]
fn a_network_is_what_one_customer_has() {
    let network = |text: &str| Peer(ip(text)).network();
    assert_eq!(network("198.51.100.77"), "198.51.100.0/24");
    assert_eq!(network("::ffff:198.51.100.77"), "198.51.100.0/24");
    assert_eq!(network("2001:db8:7:1234::1"), "2001:db8:7::/48");
    assert_eq!(network("2001:db8:7:ffff:ffff::1"), "2001:db8:7::/48");
    assert_ne!(network("2001:db8:8::1"), network("2001:db8:7::1"));
    assert_ne!(network("198.51.101.77"), network("198.51.100.77"));
}

#[test]
fn who_is_not_believed_is_said_once_and_no_reader_by_their_address() {
    let seen = NotBelieved::default();
    let notice = |socket: &str, line: Option<&str>, proxies: &[&str]| {
        let mut headers = HeaderMap::new();
        headers.extend(line.map(|line| (axum::http::HeaderName::from_static(FORWARDED), line.parse().unwrap())));
        seen.notice(ip(socket), &headers, &proxies.iter().map(|proxy| ip(proxy)).collect::<Vec<_>>())
    };
    assert_eq!(notice("127.0.0.1", None, &[]), None, "it speaks for nobody else");
    assert_eq!(notice("::ffff:10.0.0.2", Some("198.51.100.1"), &["10.0.0.2"]), None, "it is a proxy of the settings");
    let far = notice("203.0.113.9", Some("198.51.100.1"), &["127.0.0.1"]).expect("news");
    assert!(far.contains("`[site] proxies`") && !far.contains("203.0.113.9") && !far.contains("198.51.100.1"), "{far}");
    let near = notice("::ffff:10.0.0.2", Some("198.51.100.1"), &[]).expect("news, whoever was said before");
    assert!(near.starts_with("10.0.0.2 sends X-Forwarded-For") && near.contains("add \"10.0.0.2\" to `[site] proxies`"), "{near}");
    for socket in ["203.0.113.9", "203.0.113.10", "10.0.0.2", "127.0.0.1", "fd00::1"] {
        assert_eq!(notice(socket, Some("198.51.100.1"), &[]), None, "{socket}: it was said");
    }
}
