use super::*;
use crate::disk::sha256;

fn home(csv: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join(FILE), csv).expect("written");
    home
}

fn owner() -> Vec<String> {
    vec!["me@real.dev".to_owned()]
}

fn ids(addresses: &[&str]) -> SuppressedIds {
    addresses.iter().map(|address| subscriber_id(address)).collect()
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn written(home: &tempfile::TempDir) -> String {
    std::fs::read_to_string(home.path().join(FILE)).expect("read")
}

/// The rows of the list after an import, as `email status tier confirmed_at source`, and what was said of each row.
fn imported(csv: &str, file: &str, consent: Option<&Consent>) -> (String, Imported) {
    let home = home("email,name,status,tier,confirmed_at,source\n");
    let mut readers = Readers::load_to_change(home.path(), &owner()).expect("a list");
    let imported = readers.import(csv.as_bytes(), file, consent, &SuppressedIds::new(), day("2026-11-20")).expect("taken in");
    let line = |row: &Reader| format!("{} “{}” {} {} {} {}\n", row.email, row.name, row.status, row.tier, row.confirmed_at, row.source);
    (readers.rows().iter().map(line).collect(), imported)
}

#[test]
fn only_people_count_and_exactly_they_are_mailed() {
    let home = home(
        "email,name,status,tier\nann@home.net,\"Ann\r\nBcc: x@y.net\",confirmed,paid\nANN@home.net,Ann,confirmed,paid\nbob@home.net,Bob,active,free\n\
         eve@home.net,Eve,pending,free\nMe@Real.dev,Me,confirmed,paid\nt@example.com,T,confirmed,paid\nu@mail.test,U,confirmed,free\nnobody,,confirmed,\n\
         Joe <joe@home.net>,Joe,confirmed,free\n@@home.net,X,confirmed,\nj@home..net,J,confirmed,\ngil@home.net,Gil,left,paid\n\
         sue@home.net,Sue,confirmed,paid\nkim@home.net,Kim,confirmed,\nkim@home.net,Kim,bounced,\nzoe@home.net,Zoe,whatever,\n",
    );
    let readers = Readers::load(home.path(), &owner()).expect("a list");
    let suppressed = ids(&["sue@home.net"]);
    let counts = readers.counts(&suppressed);
    assert_eq!((counts.confirmed, counts.paying, counts.listed), (2, 1, true));
    assert_eq!(counts.left_out, LeftOut { owner: 1, test: 2, unconfirmed: 2, suppressed: 3, silent: 0, broken: 4, twice: 2 });
    assert_eq!(counts.confirmed + counts.left_out.total(), 16);
    let recipients = readers.recipients(&suppressed);
    let recipients: Vec<_> =
        recipients.iter().map(|one| (one.email.as_str(), one.name.as_deref().unwrap_or_default(), one.id.as_str())).collect();
    let (ann, bob) = (subscriber_id("ann@home.net"), subscriber_id("bob@home.net"));
    assert_eq!(recipients, [("ann@home.net", "Ann Bcc: x@y.net", ann.as_str()), ("bob@home.net", "Bob", bob.as_str())]);
    assert_eq!(ann, sha256(b"ann@home.net")[..32]);
}

#[test]
fn a_domain_in_letters_and_in_ascii_is_one_person_and_who_left_before_that_stays_away() {
    let home = home("email,name,status\nida@münchen.de,Ida,confirmed\nida@xn--mnchen-3ya.de,Ida,confirmed\nann@home.net,Ann,confirmed\n");
    let mut readers = Readers::load_to_change(home.path(), &["me@BÜCHER.de".to_owned()]).expect("a list");
    let id = subscriber_id("ida@xn--mnchen-3ya.de");
    let mailed = |readers: &Readers, suppressed: &SuppressedIds| -> Vec<String> {
        readers.recipients(suppressed).into_iter().map(|one| one.email).collect()
    };
    assert_eq!(mailed(&readers, &ids(&[])), ["ida@münchen.de", "ann@home.net"]);
    // The digest of the address as it was written, which it had before domains were folded.
    let left = SuppressedIds::from([sha256("ida@münchen.de".as_bytes())[..32].to_owned()]);
    assert_eq!(mailed(&readers, &left), ["ann@home.net"]);
    let exported = String::from_utf8(readers.export(&left).expect("a table")).expect("text");
    assert_eq!(exported.matches(",left").count(), 2, "{exported}");
    let consent = Consent { date: day("2026-11-20"), source: "x".into() };
    for address in ["ida@münchen.de", "Ida@xn--mnchen-3ya.de"] {
        assert!(matches!(readers.add(address, None, Some(&consent), &left), Err(ReadersError::Suppressed)), "{address}");
        let csv = format!("email\n{address}\n");
        let taken = readers.import(csv.as_bytes(), "f.csv", Some(&consent), &left, day("2026-11-20")).expect("taken in");
        assert_eq!(taken.rows[0].what, What::Suppressed, "{address}");
    }
    // Who came back by the site is a reader again.
    let readers = readers.with(&[], HashSet::from([id]));
    assert_eq!(mailed(&readers, &left), ["ida@münchen.de", "ann@home.net"]);
    // The owner is nobody's reader, however they write their domain.
    assert_eq!(readers.owner, HashSet::from(["me@xn--bcher-kva.de".to_owned()]));
}

#[test]
fn no_list_is_no_reader_and_a_broken_list_is_an_error_without_an_address() {
    let empty = tempfile::tempdir().expect("a folder");
    assert_eq!(Readers::load(empty.path(), &[]).expect("none").counts(&SuppressedIds::new()), Counts::default());
    for (csv, expected) in [
        ("email,status\nsecret@home.net,confirmed,more\n", "readers.csv:2: 3 columns, not 2"),
        ("name,status\nsecret@home.net,confirmed\n", "readers.csv:1: no column is called `email`"),
        ("", "readers.csv:1: there are no columns"),
    ] {
        let error = Readers::load(home(csv).path(), &[]).expect_err("no list");
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }
    std::os::unix::fs::symlink("/nowhere/readers.csv", empty.path().join(FILE)).expect("linked");
    assert!(Readers::load(empty.path(), &[]).is_err(), "a list on a disk that is not there is not an empty list");
}

#[test]
fn a_change_keeps_order_and_columns_and_touches_its_cells_only() {
    let home = home("\u{feff}Email;Note;Status\nann@home.net; a note ;ACTIVE\nbob@home.net;\"x;y\";unheard of\n");
    let mut readers = Readers::load_to_change(home.path(), &owner()).expect("a list");
    assert!(!readers.save().expect("nothing to write"), "a list that did not change is not written");
    assert!(readers.mark(&subscriber_id("BOB@home.net"), Status::Left));
    assert!(!readers.mark(&subscriber_id("eve@home.net"), Status::Left));
    assert_eq!(readers.add("eve@home.net", Some("Eve"), None, &ids(&[])).expect("added"), Added::New(Status::Pending));
    assert!(readers.save().expect("written"));
    assert_eq!(
        written(&home),
        "\u{feff}Email;Note;Status;name;tier\nann@home.net; a note ;ACTIVE;;\nbob@home.net;\"x;y\";left;;\neve@home.net;;pending;Eve;free\n"
    );
    let again = Readers::load(home.path(), &owner()).expect("a list");
    assert_eq!(again.rows(), readers.rows());
}

#[test]
fn what_somebody_wrote_meanwhile_is_not_overwritten() {
    let home = home("email,status\nann@home.net,confirmed\n");
    let mut readers = Readers::load_to_change(home.path(), &owner()).expect("a list");
    readers.mark(&subscriber_id("ann@home.net"), Status::Left);
    std::fs::write(home.path().join(FILE), "email,status\nmine@home.net,confirmed\n").expect("written");
    assert!(matches!(readers.save(), Err(ReadersError::Meanwhile)));
    assert_eq!(written(&home), "email,status\nmine@home.net,confirmed\n");
}

#[test]
fn two_that_change_the_list_wait_for_each_other_and_a_new_list_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let path = home.path();
            scope.spawn(move || {
                let mut readers = Readers::load_to_change(path, &[]).expect("a list");
                readers.add(&format!("reader{n}@home.net"), None, None, &SuppressedIds::new()).expect("added");
                std::thread::sleep(std::time::Duration::from_millis(5));
                readers.save().expect("written");
            });
        }
    });
    assert_eq!(written(&home).lines().count(), 9, "{}", written(&home));
    let mode = std::fs::metadata(home.path().join(FILE)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn adding_needs_a_consent_to_confirm_and_brings_nobody_back() {
    let home = home("email,status\nann@home.net,pending\ngil@home.net,left\n");
    let mut readers = Readers::load_to_change(home.path(), &owner()).expect("a list");
    let suppressed = ids(&["sue@home.net"]);
    let consent = Consent { date: day("2026-11-01"), source: "a fair".to_owned() };
    let mut add = |email: &str, consent| readers.add(email, None, consent, &suppressed);
    assert_eq!(add(" Ann@home.net", None).expect("there"), Added::Unchanged(Status::Pending));
    assert_eq!(add("Ann@home.net", Some(&consent)).expect("there"), Added::Changed(Status::Confirmed));
    assert_eq!(add("bob@home.net", Some(&consent)).expect("new"), Added::New(Status::Confirmed));
    assert!(matches!(add("gil@home.net", Some(&consent)), Err(ReadersError::Gone(Status::Left))));
    assert!(matches!(add("SUE@home.net", Some(&consent)), Err(ReadersError::Suppressed)));
    assert!(matches!(add("Bob <bob@home.net>", None), Err(ReadersError::NoAddress)));
    let rows: Vec<_> = readers.rows().iter().map(|row| (row.email.as_str(), row.status, row.confirmed_at.as_str())).collect();
    assert_eq!(
        rows,
        [
            ("ann@home.net", Status::Confirmed, "2026-11-01"),
            ("gil@home.net", Status::Left, ""),
            ("bob@home.net", Status::Confirmed, "2026-11-01")
        ]
    );
}

#[test]
fn for_whom_letters_have_ended_is_no_reader_and_no_consent_elsewhere() {
    let home = home("email,status\nann@home.net,confirmed\nbob@home.net,confirmed\neve@home.net,pending\nsue@home.net,confirmed\n");
    let silent = ids(&["bob@home.net", "eve@home.net", "sue@home.net"]);
    let readers = Readers::load(home.path(), &owner()).expect("a list").without_letters_to(silent);
    let suppressed = ids(&["sue@home.net"]);
    let counts = readers.counts(&suppressed);
    assert_eq!((counts.confirmed, counts.left_out.total()), (1, 3));
    assert_eq!((counts.left_out.silent, counts.left_out.suppressed, counts.left_out.unconfirmed), (1, 1, 1));
    assert_eq!(readers.recipients(&suppressed).len(), 1);
    let csv = String::from_utf8(readers.export(&suppressed).expect("exported")).expect("text");
    assert_eq!(csv, "email,status\nann@home.net,confirmed\nbob@home.net,silent\neve@home.net,pending\nsue@home.net,left\n");
    let (taken_in, _) = imported(&csv, "out.csv", None);
    assert!(taken_in.contains("bob@home.net “” pending"), "it comes back as nobody's consent: {taken_in}");
}

#[test]
fn the_file_says_who_is_a_reader_and_who_is_gone_by_the_author_s_hand() {
    let home = home(
        "Email ,status,My notes\nann@home.net,confirmed,'=x\nbob@home.net,left,\ncyd@home.net,left,\ndan@home.net,bounced,\n\
         eve@home.net,pending,\nsue@home.net,confirmed,\nkim@home.net,confirmed,\nkim@home.net,complained,again\nme@real.dev,confirmed,\n",
    );
    let readers = Readers::load(home.path(), &owner()).expect("a list");
    let mut told: Vec<_> =
        readers.standings(&ids(&["sue@home.net", "cyd@home.net"]), &ids(&["cyd@home.net", "dan@home.net"])).into_iter().collect();
    told.sort();
    let mut expected: Vec<_> = [
        ("ann", reveille_memory::Listing::Confirmed),
        // An import wrote that cyd left, and memory knows it: cyd may undo it. That mail to dan bounced nobody can.
        ("bob", reveille_memory::Listing::Gone),
        ("dan", reveille_memory::Listing::Gone),
        ("kim", reveille_memory::Listing::Gone),
    ]
    .map(|(name, standing)| (subscriber_id(&format!("{name}@home.net")), standing))
    .into();
    expected.sort();
    assert_eq!(told, expected);
    let cell = |column: &str, text: &str| (column.to_owned(), text.to_owned());
    let ann = [vec![cell("Email", "ann@home.net"), cell("status", "confirmed"), cell("My notes", "=x")]];
    assert_eq!(readers.cells_of(&subscriber_id("ann@home.net")), ann);
    assert_eq!(readers.cells_of(&subscriber_id("kim@home.net")).len(), 2, "both rows");
    assert!(readers.cells_of(&subscriber_id("zoe@home.net")).is_empty());
}

#[test]
fn an_export_says_of_the_suppressed_that_they_left() {
    let home = home("email;status;note\nann@home.net;confirmed;n\nsue@home.net;confirmed;\nkim@home.net;active;\nkim@home.net;bounced;\n");
    let readers = Readers::load(home.path(), &owner()).expect("a list");
    let csv = String::from_utf8(readers.export(&ids(&["sue@home.net"])).expect("exported")).expect("text");
    assert_eq!(csv, "email,status,note\nann@home.net,confirmed,n\nsue@home.net,left,\nkim@home.net,left,\nkim@home.net,bounced,\n");
}

#[test]
fn substack() {
    let (rows, imported) = imported(
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n\
         ann@home.net,true,2027-01-01T00:00:00.000Z,yearly,false,2024-03-05T10:11:12.000Z,2024-04-01T00:00:00.000Z\n\
         bob@home.net,false,,other,false,2024-03-06T10:11:12.000Z,\n\
         kim@home.net,true,,comp,false,2024-03-07T10:11:12.000Z,\n\
         gil@home.net,false,,other,true,2024-03-08T10:11:12.000Z,\n\
         eve@home.net,false,,other,false,,\n\
         zoe@home.net,false,,other,maybe,2024-03-09T10:11:12.000Z,\n\
         may@home.net,false,,other,false,2027-03-09T10:11:12.000Z,\n",
        "email_list.csv",
        None,
    );
    assert_eq!(imported.format, Format::Substack);
    insta::assert_snapshot!(rows, @r"
    ann@home.net “” confirmed paid 2024-03-05 substack
    bob@home.net “” confirmed free 2024-03-06 substack
    kim@home.net “” confirmed free 2024-03-07 substack
    gil@home.net “” left free  substack
    eve@home.net “” pending free  substack
    zoe@home.net “” pending free  substack
    may@home.net “” pending free  substack
    ");
    assert_eq!(imported.rows.iter().filter_map(|row| row.gone).collect::<Vec<_>>(), [Status::Left]);
}

#[test]
fn buttondown() {
    let (rows, imported) = imported(
        "email_address,notes,creation_date,subscriber_type,unsubscription_date,metadata\n\
         ann@home.net,,2024-03-05T10:11:12Z,premium,,{}\n\
         bob@home.net,,2024-03-05 10:11:12+00:00,regular,,{}\n\
         eve@home.net,,2024-03-05,unactivated,,{}\n\
         gil@home.net,,2024-03-05,unsubscribed,2025-01-01,{}\n\
         kim@home.net,,2024-03-05,undeliverable,,{}\n\
         sue@home.net,,2024-03-05,complained,,{}\n\
         may@home.net,,2024-03-05,regular,2025-01-01,{}\n\
         zoe@home.net,,2024-03-05,a new type,,{}\n",
        "subscribers.csv",
        None,
    );
    assert_eq!(imported.format, Format::Buttondown);
    insta::assert_snapshot!(rows, @r"
    ann@home.net “” confirmed paid 2024-03-05 buttondown
    bob@home.net “” confirmed free 2024-03-05 buttondown
    eve@home.net “” pending free  buttondown
    gil@home.net “” left free  buttondown
    kim@home.net “” bounced free  buttondown
    sue@home.net “” complained free  buttondown
    may@home.net “” left free  buttondown
    zoe@home.net “” pending free  buttondown
    ");
}

#[test]
fn ghost() {
    let (rows, imported) = imported(
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n\
         1,ann@home.net,Ann,,true,false,cus_1,2024-03-05T10:11:12.000Z,,,Gold\n\
         2,bob@home.net,Bob,,true,false,cus_2,2024-03-05T10:11:12.000Z,,,\n\
         3,kim@home.net,Kim,,true,true,,2024-03-05T10:11:12.000Z,,,Gold\n\
         4,gil@home.net,Gil,,false,false,,2024-03-05T10:11:12.000Z,,,\n\
         5,sue@home.net,Sue,,true,false,,2024-03-05T10:11:12.000Z,2025-01-01,,\n\
         6,eve@home.net,Eve,,,false,,2024-03-05T10:11:12.000Z,,,\n",
        "members.csv",
        None,
    );
    assert_eq!(imported.format, Format::Ghost);
    insta::assert_snapshot!(rows, @r"
    ann@home.net “Ann” confirmed paid 2024-03-05 ghost
    bob@home.net “Bob” confirmed free 2024-03-05 ghost
    kim@home.net “Kim” confirmed free 2024-03-05 ghost
    gil@home.net “Gil” left free  ghost
    sue@home.net “Sue” left free  ghost
    eve@home.net “Eve” pending free  ghost
    ");
}

#[test]
fn mailchimp_and_its_files_of_those_who_left() {
    let head = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP";
    let row = "ann@home.net,Ann,Bee,2,,,2020-03-05 12:34:56,1.2.3.4";
    let subscribed = format!("{head}\n{row}\nbob@home.net,Bob,,2,2020-03-05 12:34:56,,,\n");
    let unsubscribed = format!(
        "{head},UNSUB_TIME,UNSUB_REASON\n{row},2021-01-01 00:00:00,NORMAL\n{},2021-01-01 00:00:00,ABUSE\n",
        row.replace("ann", "sue")
    );
    let cleaned = format!("{head},CLEAN_TIME\n{row},2021-01-01 00:00:00\n");
    let all = [
        imported(&subscribed, "subscribed_email_audience_export_1.csv", None),
        imported(&unsubscribed, "unsubscribed_email_audience_export_1.csv", None),
        imported(&cleaned, "renamed.csv", None),
        imported(&subscribed, "nonsubscribed_email_audience_export_1.csv", None),
    ];
    assert!(all.iter().all(|(_, imported)| imported.format == Format::Mailchimp));
    insta::assert_snapshot!(all.map(|(rows, _)| rows).join("-\n"), @r"
    ann@home.net “Ann Bee” confirmed free 2020-03-05 mailchimp
    bob@home.net “Bob” pending free  mailchimp
    -
    ann@home.net “Ann Bee” left free  mailchimp
    sue@home.net “Ann Bee” complained free  mailchimp
    -
    ann@home.net “Ann Bee” bounced free  mailchimp
    -
    ann@home.net “Ann Bee” pending free  mailchimp
    bob@home.net “Bob” pending free  mailchimp
    ");
}

#[test]
fn a_plain_list_confirms_nobody_without_a_day_of_consent() {
    let csv = "E-Mail;Name;Status;consent_date;tier;source\nann@home.net;Ann;confirmed;;paid;shop\nbob@home.net;Bob;;2026-01-02;;=fair\n\
               eve@home.net;Eve;pending;2026-01-02;;\ngil@home.net;Gil;unsubscribed;2026-01-02;;\nkim@home.net;Kim;;01/02/2026;;\n";
    insta::assert_snapshot!(imported(csv, "list.csv", None).0, @r"
    ann@home.net “Ann” pending paid  shop
    bob@home.net “Bob” confirmed free 2026-01-02 fair
    eve@home.net “Eve” pending free  csv
    gil@home.net “Gil” left free  csv
    kim@home.net “Kim” pending free  csv
    ");
    let consent = Consent { date: day("2026-11-01"), source: "my word".to_owned() };
    insta::assert_snapshot!(imported(csv, "list.csv", Some(&consent)).0, @r"
    ann@home.net “Ann” confirmed paid 2026-11-01 my word
    bob@home.net “Bob” confirmed free 2026-01-02 fair
    eve@home.net “Eve” pending free  csv
    gil@home.net “Gil” left free  csv
    kim@home.net “Kim” confirmed free 2026-11-01 my word
    ");
}

#[test]
fn an_import_brings_nobody_back_and_unconfirms_nobody() {
    let home = home(
        "email,name,status,tier,confirmed_at,source\nann@home.net,,confirmed,paid,2020-01-01,form\neve@home.net,Eve,pending,free,,\n\
         gil@home.net,Gil,left,free,,\nbob@home.net,Bob,confirmed,free,2020-01-01,form\n",
    );
    let mut readers = Readers::load_to_change(home.path(), &owner()).expect("a list");
    let csv = "email,name,status,confirmed_at\nANN@home.net,Ann,pending,\neve@home.net,E,confirmed,2026-01-01\n\
               gil@home.net,Gil,confirmed,2026-01-01\nsue@home.net,Sue,confirmed,2026-01-01\nbob@home.net,Bob,left,\n\
               new@home.net,New,confirmed,2026-01-01\nnew@home.net,New,left,\nno address,,confirmed,2026-01-01\nshort@home.net\n";
    let suppressed = ids(&["sue@home.net"]);
    let imported = readers.import(csv.as_bytes(), "l.csv", None, &suppressed, day("2026-11-20")).expect("taken in");
    assert_eq!(
        imported.rows.iter().map(|row| row.what).collect::<Vec<_>>(),
        [
            What::Completed,
            What::Became(Status::Confirmed),
            What::StaysGone,
            What::Suppressed,
            What::Became(Status::Left),
            What::Added(Status::Confirmed),
            What::Became(Status::Left),
        ]
    );
    let bad: Vec<_> = imported.bad.iter().map(|bad| (bad.line, bad.reason.as_str())).collect();
    assert_eq!(bad, [(9, "not a mail address"), (10, "1 columns, not 4")]);
    assert!(written(&home).contains("gil@home.net,Gil,left") && !written(&home).contains("new@"), "nothing is written before it is saved");
    readers.save().expect("written");
    assert_eq!(
        written(&home),
        "email,name,status,tier,confirmed_at,source\nann@home.net,Ann,confirmed,paid,2020-01-01,form\neve@home.net,Eve,confirmed,free,2026-01-01,csv\n\
         gil@home.net,Gil,left,free,,\nbob@home.net,Bob,left,free,2020-01-01,form\nnew@home.net,New,left,free,2026-01-01,csv\n"
    );
    let again = readers.import(csv.as_bytes(), "l.csv", None, &suppressed, day("2026-11-20")).expect("taken in");
    assert!(!readers.save().expect("the same"), "the same import twice changes nothing: {again:?}");
}

#[test]
fn a_file_that_is_no_list_is_refused_whole_and_shows_no_address() {
    let home = home("email\n");
    let mut readers = Readers::load_to_change(home.path(), &[]).expect("a list");
    for csv in ["ann@home.net\nbob@home.net\n", "name,city\nann@home.net,x\n", "", "\u{ff}\u{fe}"] {
        let error = readers.import(csv.as_bytes(), "l.csv", None, &ids(&[]), day("2026-11-20")).expect_err("no list");
        assert!(error.to_string().starts_with("l.csv:1: ") && !error.to_string().contains('@'), "{error}");
        assert!(readers.rows().is_empty());
    }
}

/// Somebody who came by the site, on the 15th, and confirmed then if they are `confirmed`.
fn subscriber(email: &str, tier: &str, confirmed: bool) -> Subscriber {
    let at = "2026-11-15T12:00:00Z".parse().expect("a time");
    Subscriber {
        id: subscriber_id(email),
        email: email.to_owned(),
        tier: tier.to_owned(),
        via: "mastodon".to_owned(),
        asked_at: at,
        confirmed_at: confirmed.then_some(at),
    }
}

#[test]
fn whoever_stands_in_the_file_and_on_the_site_is_one_person() {
    // The row of readers.csv; on the site: confirmed or not, came back or not; suppressed; what becomes of them.
    for (csv, site, came_back, suppressed, expected) in [
        ("", Some(true), false, false, "counts"),
        ("", Some(false), false, false, "unconfirmed"),
        ("", Some(true), false, true, "suppressed"),
        ("confirmed", None, false, false, "counts"),
        ("confirmed", Some(true), false, false, "counts"),
        ("confirmed", Some(false), false, false, "counts"),
        ("pending", Some(true), false, false, "counts"),
        ("pending", Some(false), false, false, "unconfirmed"),
        ("left", Some(true), false, false, "suppressed"),
        ("left", Some(true), true, false, "counts"),
        ("left", Some(true), true, true, "suppressed"),
        ("left", Some(false), true, false, "suppressed"),
        ("bounced", Some(true), true, false, "suppressed"),
        ("complained", Some(true), true, false, "suppressed"),
    ] {
        let row = if csv.is_empty() { String::new() } else { format!("Ann@home.net,Ann,{csv}\n") };
        let home = home(&format!("email,name,status\n{row}"));
        let on_site: Vec<_> = site.map(|confirmed| subscriber("ann@home.net", "free", confirmed)).into_iter().collect();
        let ann = ids(&["ann@home.net"]);
        let came_back = if came_back { ann.clone() } else { SuppressedIds::new() };
        let readers = Readers::load(home.path(), &owner()).expect("a list").with(&on_site, came_back);
        let suppressed = if suppressed { ann } else { SuppressedIds::new() };
        let said = format!("{csv} {site:?} {expected}");
        let judged = readers.judged(&suppressed);
        let why = judged.iter().map(|(_, why)| why.map_or("counts", NotCounted::as_str)).collect::<Vec<_>>();
        assert_eq!(why, [expected], "{said}");
        let mailed = readers.recipients(&suppressed).len() as u64;
        let counts = readers.counts(&suppressed);
        assert_eq!((mailed, counts.confirmed), (u64::from(expected == "counts"), mailed), "{said}");
        assert_eq!(counts.by_site, if site.is_some() { mailed } else { 0 }, "{said}");
        let csv = String::from_utf8(readers.export(&suppressed).expect("exported")).expect("text");
        let line = csv.lines().nth(1).expect("a row").to_lowercase();
        let status = match (expected, csv.contains("bounced"), csv.contains("complained")) {
            ("counts", ..) => "confirmed",
            ("unconfirmed", ..) => "pending",
            (_, true, _) => "bounced",
            (_, _, true) => "complained",
            _ => "left",
        };
        assert!(csv.lines().count() == 2 && line.starts_with("ann@home.net,") && line.contains(status), "{said}: {csv}");
    }
}

#[test]
fn readers_of_the_site_are_listed_exported_and_never_written_into_the_file() {
    let list = "email,name,status,tier\nann@home.net,Ann,pending,paid\n";
    let home = home(list);
    let on_site =
        [subscriber("ann@home.net", "free", true), subscriber("bob@home.net", "patron", true), subscriber("me@real.dev", "free", true)];
    let tiers = Tiers::new([("patron".to_owned(), true)]);
    let load = || Readers::load_to_change(home.path(), &owner()).expect("a list").with(&on_site, SuppressedIds::new());
    let mut readers = load().in_tiers(tiers);
    let none = SuppressedIds::new();
    let counts = readers.counts(&none);
    assert_eq!((counts.confirmed, counts.paying, counts.by_site, counts.left_out.owner), (2, 2, 2, 1));
    assert!(readers.unknown_tiers().is_empty());
    assert!(!readers.save().expect("nothing to write") && written(&home) == list);
    let csv = String::from_utf8(readers.export(&none).expect("exported")).expect("text");
    assert!(csv.starts_with("email,name,status,tier,confirmed_at,source\nann@home.net,Ann,confirmed,paid,2026-11-15,site\n"), "{csv}");
    assert!(csv.contains("\nbob@home.net,,confirmed,patron,2026-11-15,site\n"), "{csv}");
    drop(readers);
    // Where nobody has said what a patron is, a patron does not pay; and what goes out comes back as the same people.
    let mut readers = load();
    let counts = readers.counts(&none);
    assert_eq!((counts.confirmed, counts.paying), (2, 1));
    assert_eq!(readers.unknown_tiers().into_iter().collect::<Vec<_>>(), ["patron"]);
    readers.import(csv.as_bytes(), "out.csv", None, &none, day("2026-11-20")).expect("taken in");
    assert_eq!(readers.counts(&none).confirmed, 2, "nobody is there twice");
}

#[test]
fn no_cell_of_an_export_is_a_formula_and_every_address_comes_back() {
    let addresses = ["=cmd@x.net", "+x@y.net", "-2+3@y.net", "'=cmd@x.net", "''+x@y.net", "o'hara@y.net"];
    let empty = home("email,name,status,tier,confirmed_at,source,=note\n");
    let mut readers = Readers::load_to_change(empty.path(), &owner()).expect("a list");
    let consent = Consent { date: day("2026-11-01"), source: "@form".to_owned() };
    for address in addresses {
        readers.add(address, Some("=HYPERLINK(\"http://a.example\")"), Some(&consent), &SuppressedIds::new()).expect("an address");
    }
    readers.save().expect("written");
    // What the human wrote themselves goes out as harmless.
    std::fs::write(empty.path().join(FILE), written(&empty) + "ann@home.net,=1+1,confirmed,,,\"\t=2\",@SUM(1)\n").expect("written");
    let readers = Readers::load(empty.path(), &owner()).expect("a list");
    assert_eq!(readers.recipients(&SuppressedIds::new()).iter().map(|one| one.email.as_str()).collect::<Vec<_>>()[..6], addresses);
    let out = readers.export(&SuppressedIds::new()).expect("exported");
    let mut cells = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
    for cell in cells.records().flat_map(|record| record.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>()) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
    let back = home("email,name,status,tier,confirmed_at,source\n");
    let mut again = Readers::load_to_change(back.path(), &owner()).expect("a list");
    again.import(&out, "out.csv", None, &SuppressedIds::new(), day("2026-11-20")).expect("taken in");
    again.save().expect("written");
    for list in [&again, &Readers::load(back.path(), &owner()).expect("a list")] {
        assert_eq!(list.rows().iter().map(|row| row.email.as_str()).collect::<Vec<_>>()[..6], addresses);
    }
    std::fs::write(back.path().join(FILE), &out).expect("written");
    let as_list = Readers::load(back.path(), &owner()).expect("an export is a list");
    assert_eq!(as_list.rows().iter().map(|row| row.email.as_str()).collect::<Vec<_>>()[..6], addresses);
    assert_eq!(as_list.export(&SuppressedIds::new()).expect("exported"), out, "twice is once");
}
