//! A server whose answer is lost, broken or an error after it has written: the next wake looks before it sends again, and
//! there is one post.

use reveille_tests::Home;
use reveille_tests::scripted::{Play, Request, Scripted};
use reveille_tests::servers::Mastodon;

/// Stands before the server, passes posts on without their Idempotency-Key (some servers ignore it), and spoils the first answer.
fn spoiling(server: &Mastodon, spoil: fn(Play) -> Play) -> Scripted {
    let url = server.url.clone();
    let spoilt = std::sync::atomic::AtomicBool::new(false);
    Scripted::start(move |request, _| {
        let headers = request.headers.iter().filter(|(name, _)| name != "idempotency-key").cloned().collect();
        let answer = Request { headers, ..request.clone() }.forward(&url);
        let first = request.method == "POST" && !spoilt.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first { spoil(answer) } else { answer }
    })
}

#[test]
fn an_unclear_answer_is_looked_after_and_there_is_one_post() {
    type Spoil = fn(Play) -> Play;
    let plays: [(&str, Spoil); 3] = [
        ("lost", |_| Play::Cut),
        ("an error after the write", |_| Play::Answer { status: 500, headers: vec![], body: b"{\"error\":\"x\"}".to_vec() }),
        ("half", |answer| match answer {
            Play::Answer { status, headers, body } => Play::Half { status, headers, body },
            other => other,
        }),
    ];
    for (name, spoil) in plays {
        let server = Mastodon::start();
        let proxy = spoiling(&server, spoil);
        let mut home = Home::new("- [ ] Post issue 45 to Mastodon\n");
        let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
        home.write("reveille.toml", format!("{head}[channels.mastodon]\nserver = \"{}\"\ntoken = {{ env = \"TOKEN\" }}\n", proxy.url));
        home.write("issues/045-fog.md", "---\ntitle: Fog\nsummary: What fog does.\ndate: 2026-11-19\n---\nLit.\n");
        home.env("TOKEN", &server.token);
        let first = home.run(&["wake", "--no-model"]);
        assert!(home.read("PROGRESS.md").starts_with("- [ ] Post issue 45"), "{name}: ticked without a proof: {first:?}");
        for later in ["2026-11-20T16:00:00Z", "2026-11-20T18:00:00Z", "2026-11-20T20:00:00Z"] {
            let _ = home.at(later).run(&["wake", "--no-model"]).ok();
        }
        assert_eq!(server.statuses().len(), 1, "{name}: {}", home.read("PROGRESS.md"));
        assert!(home.read("PROGRESS.md").starts_with("- [x] Post issue 45"), "{name}: {}", home.read("PROGRESS.md"));
    }
}
