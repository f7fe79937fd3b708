use reveille_memory::{Key, Memory, NewEffect, NewRun};
use reveille_mission::subscriber_id;

use super::*;
use crate::app::tests::app;

/// Writes down a mail to somebody, as a wake does in a process of its own.
fn mailed(folder: &std::path::Path, app: &App, name: &str) -> String {
    let (now, id) = ((app.now)(), subscriber_id(&format!("{name}@home.net")));
    let mut memory = Memory::open(&folder.join("reveille.db"), now).unwrap();
    let run = NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&run).unwrap();
    let key = Key { issue: "45".into(), channel: "email".into(), part: "letter".into(), recipient: id.clone() };
    memory.intend_all(&[NewEffect { key, text: b"{}".to_vec(), token: format!("<{name}@a.example>"), run }], now).unwrap();
    let end = reveille_memory::RunEnd { ended_at: now, state: reveille_memory::RunState::Done, outcome: None, pick: None, error: None };
    memory.finish_run(run, &end).unwrap();
    id
}

#[tokio::test]
async fn who_is_mailed_while_the_server_runs_leaves_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path());
    let old = OldTokens::default();
    let ann = mailed(folder.path(), &app, "ann");
    let token = |id: &str| leaving_token(&app.key, id);
    assert_eq!(old.whose(&app, &token(&ann)).await.unwrap(), Some(ann.clone()));
    let bob = subscriber_id("bob@home.net");
    assert_eq!(old.whose(&app, &token(&bob)).await.unwrap(), None, "nobody has mailed him");
    assert_eq!(mailed(folder.path(), &app, "bob"), bob);
    for id in [&bob, &ann] {
        assert_eq!(old.whose(&app, &token(id).to_uppercase()).await.unwrap().as_ref(), Some(id));
    }
    for wrong in ["", "ab", &"g".repeat(40), &"0".repeat(40)] {
        assert_eq!(old.whose(&app, wrong).await.unwrap(), None, "{wrong}");
    }
}
