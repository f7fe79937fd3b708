use chrono::{DateTime, Utc};
use reveille_memory::{
    AnswerKind, AnswerRow, Followed, Frequency, Listing, Mailed, OwnData, Preferences, RunId, Sign, SignKind, Subscriber, Suppressed,
    SuppressedFor, SurveyAnswer, WantedFor, WantedMail,
};

use reveille_mission::{Purpose, Token, subscriber_bytes, subscriber_id};
use tower::ServiceExt as _;

use super::*;

fn own() -> OwnData {
    let at: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().expect("a time");
    OwnData {
        subscriber: Some(Subscriber {
            id: "ab".into(),
            email: "=cmd@x.net".into(),
            tier: "+1".into(),
            via: "@home".into(),
            asked_at: at,
            confirmed_at: Some(at),
        }),
        preferences: Preferences { frequency: Frequency::Weekly, paused_until: Some(at), topics: vec!["-x".into(), "rust".into()] },
        signs: vec![Sign { subscriber: "ab".into(), kind: SignKind::Click, about: "=1".into(), at }],
        mails: vec![Mailed {
            issue: "tag:a.example,2026:45".into(),
            part: "letter".into(),
            state: "confirmed".into(),
            intended_at: at,
            settled_at: None,
        }],
        suppressed: Some(Suppressed { subscriber: "ab".into(), why: SuppressedFor::Left, at }),
        is_suppressed: false,
        clicks: vec![Followed { address: "https://b.example/".into(), issue: "45".into(), by: "person".into(), at }],
        answers: vec![AnswerRow {
            channel: "email".into(),
            name: "n".into(),
            kind: AnswerKind::Mail,
            sender: "=cmd@x.net".into(),
            subscriber: None,
            issue: "45".into(),
            place: "p".into(),
            excerpt: "Thanks".into(),
            file: "inbox/a.md".into(),
            at,
            run: RunId(1),
        }],
        surveys: vec![SurveyAnswer { survey: "length".into(), chosen: vec![("How long?".into(), "longer".into())], at }],
        letters: Some((at, at)),
        letters_ended: Some(at),
        wanted: vec![WantedMail { id: 1, subscriber: "ab".into(), email: "=cmd@x.net".into(), kind: WantedFor::Known, wanted_at: at }],
        listed: Some(Listing::Confirmed),
        awaited: Some(("home".into(), 1)),
    }
}

#[test]
fn both_forms_have_everything_and_no_cell_is_a_formula() {
    let told =
        Told::of("ab", own(), vec![vec![("Notes".into(), "=met at the fair".into())]], "2026-11-21T10:00:00Z".parse().expect("a time"));
    let json = serde_json::to_value(&told).expect("JSON");
    assert_eq!(
        (json["address"].as_str(), json["frequency"].as_str(), json["topics"][1].as_str()),
        (Some("=cmd@x.net"), Some("weekly"), Some("rust"))
    );
    assert_eq!((json["signs"][0]["kind"].as_str(), json["mails"][0]["state"].as_str()), (Some("click"), Some("confirmed")));
    assert_eq!((json["readers_csv"][0][0][1].as_str(), json["clicks"][0]["by"].as_str()), (Some("=met at the fair"), Some("person")));
    assert_eq!((json["answers"][0]["file"].as_str(), json["surveys"][0]["answers"][0][1].as_str()), (Some("inbox/a.md"), Some("longer")));
    let table = String::from_utf8(told.table().expect("a table")).expect("text");
    let expected = "what,when,about\nid,2026-11-21T10:00:00Z,ab\naddress,,'=cmd@x.net\ntier,,'+1\ncame by,,'@home\nasked,2026-11-20T10:00:00Z,\n\
         confirmed,2026-11-20T10:00:00Z,\npaused until,2026-11-20T10:00:00Z,\nfirst letter,2026-11-20T10:00:00Z,\n\
         last letter,2026-11-20T10:00:00Z,\nletters ended,2026-11-20T10:00:00Z,\nfrequency,,weekly\ntopic,,'-x\ntopic,,rust\n\
         sign: click,2026-11-20T10:00:00Z,'=1\nletter: confirmed,2026-11-20T10:00:00Z,\"tag:a.example,2026:45\"\n\
         link followed by a person,2026-11-20T10:00:00Z,https://b.example/ (45)\n\
         mail on email,2026-11-20T10:00:00Z,'=cmd@x.net: Thanks (45; p; inbox/a.md)\n\
         survey: length,2026-11-20T10:00:00Z,How long? longer\nmail asked for: known,2026-11-20T10:00:00Z,'=cmd@x.net\n\
         experiment,,home: wording 1\nreaders.csv: Notes,,'=met at the fair\nlisted,,confirmed\nnot mailed,2026-11-20T10:00:00Z,left\n";
    assert_eq!(table, expected);
}

#[tokio::test]
async fn one_s_data_is_read_ten_times_a_minute_and_others_do_not_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = crate::app::tests::app(folder.path());
    let routes = crate::router(&app);
    let get = async |name: &str| {
        let subscriber = subscriber_bytes(&subscriber_id(name)).expect("an id");
        let token = Token { purpose: Purpose::Preferences, subscriber, item: 0, expires: None }.mint(&app.key);
        let request = axum::extract::Request::get(format!("/preferences/{token}/data")).body(axum::body::Body::empty()).expect("a request");
        routes.clone().oneshot(request).await.expect("an answer")
    };
    // A slow machine gains some while it reads.
    let mut taken = 0;
    let refused = loop {
        let answer = get("ann@home.net").await;
        if answer.status() != StatusCode::OK || taken > 60 {
            break answer;
        }
        taken += 1;
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(taken >= 10 && refused.headers().contains_key("retry-after"), "{taken}");
    assert_eq!(get("bob@home.net").await.status(), StatusCode::OK);
}
