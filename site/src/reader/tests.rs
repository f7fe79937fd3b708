use std::sync::mpsc;

use super::*;
use crate::writer::Writer;

fn app() -> (tempfile::TempDir, crate::App) {
    let folder = tempfile::tempdir().expect("a folder");
    let app = crate::app::tests::app(folder.path());
    (folder, app)
}

#[tokio::test]
async fn it_sees_what_is_committed_and_writes_nothing() {
    let (_folder, app) = app();
    let now = (app.now)();
    app.writer.write(move |memory| memory.leave("ann", now)).await.expect("left");
    assert!(app.reader.read(|memory| memory.is_suppressed("ann")).await.expect("read"));
    let gone = Reader::of(Path::new("/nowhere/reveille.db")).read(|memory| memory.is_suppressed("ann")).await;
    assert!(matches!(gone, Err(WriteError::Memory(MemoryError::Missing(_)))), "{gone:?}");
}

#[tokio::test]
async fn who_reads_long_keeps_nobody_from_leaving() {
    let (_folder, app) = app();
    let (now, writer): (_, Writer) = ((app.now)(), app.writer.clone());
    let mut ends = vec![];
    let mut readings = vec![];
    for _ in 0..AT_ONCE {
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (end, ended) = mpsc::channel::<()>();
        let reader = app.reader.clone();
        readings.push(tokio::spawn(async move {
            let long = reader.read(move |memory| {
                begun.send(()).expect("waited for");
                ended.recv().expect("told");
                memory.is_suppressed("ann")
            });
            long.await.expect("read")
        }));
        begins.await.expect("begun");
        ends.push(end);
    }
    // Both of them read; a leave is committed meanwhile.
    writer.write(move |memory| memory.leave("ann", now)).await.expect("left");
    assert!(readings.iter().all(|reading| !reading.is_finished()));
    for end in ends {
        end.send(()).expect("heard");
    }
    for reading in readings {
        assert!(reading.await.expect("ended"));
    }
}
