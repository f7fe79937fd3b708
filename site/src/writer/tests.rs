use std::path::Path;
use std::sync::mpsc::channel;

use super::*;

const CAPS: SignUpCaps = SignUpCaps { network: 10_000, all: 10_000 };

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().unwrap()
}

fn who(number: usize) -> SignUp {
    SignUp {
        id: format!("{number:032x}"),
        email: format!("reader{number}@letter.example"),
        network: 7,
        via: String::new(),
        is_person: true,
    }
}

fn memory(folder: &Path) -> Memory {
    Memory::open(&folder.join("reveille.db"), now()).unwrap()
}

/// How many commits stand in SQLite's write-ahead log: frames that name the size of the database
/// (<https://www.sqlite.org/fileformat2.html#walformat>).
fn commits(folder: &Path) -> usize {
    let log = std::fs::read(folder.join("reveille.db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = 24 + word(8) as usize;
    let frames = (32..log.len()).step_by(frame).take_while(|at| at + frame <= log.len());
    frames.filter(|at| log[at + 8..at + 16] == log[16..24] && word(at + 4) != 0).count()
}

/// Keeps the writer busy until the sender is dropped, and comes back when it is.
async fn busy(writer: &Writer) -> std::sync::mpsc::Sender<()> {
    let ((begun, has_begun), (hold, held)) = (oneshot::channel(), channel::<()>());
    let writer = writer.clone();
    tokio::spawn(async move {
        writer
            .write(move |_| {
                let _ = begun.send(());
                let _ = held.recv();
                Ok(())
            })
            .await
    });
    has_begun.await.unwrap();
    hold
}

/// Waits until so many jobs are in the queue.
async fn queued(writer: &Writer, jobs: usize) {
    while QUEUE - writer.jobs.capacity() < jobs {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sign_ups_that_wait_together_are_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(memory(folder.path()));
    let hold = busy(&writer).await;
    let before = commits(folder.path());
    let asked: Vec<_> = (0..50)
        .map(|number| {
            tokio::spawn({
                let writer = writer.clone();
                async move { writer.sign_up(who(number % 40), CAPS, now()).await }
            })
        })
        .collect();
    queued(&writer, 50).await;
    drop(hold);
    let mut came_to = Vec::new();
    for one in asked {
        came_to.push(one.await.unwrap().unwrap());
    }
    assert_eq!(commits(folder.path()) - before, 1);
    let count = |what| came_to.iter().filter(|one| **one == what).count();
    assert_eq!((count(SignedUp::Asked), count(SignedUp::Quiet)), (40, 10));
    let kept = writer.write(|memory| memory.subscribers()).await.unwrap();
    assert_eq!(kept.len(), 40);
    // And one that nobody waits beside is a commit of its own.
    assert_eq!(writer.sign_up(who(99), CAPS, now()).await.unwrap(), SignedUp::Asked);
    assert_eq!(commits(folder.path()) - before, 2);
}

#[tokio::test]
async fn what_is_asked_is_done_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(memory(folder.path()));
    let hold = busy(&writer).await;
    let sign_up = |number| {
        tokio::spawn({
            let writer = writer.clone();
            async move { writer.sign_up(who(number), CAPS, now()).await }
        })
    };
    let first = sign_up(1);
    queued(&writer, 1).await;
    let between = tokio::spawn({
        let writer = writer.clone();
        async move { writer.write(|memory| Ok(memory.subscribers()?.len())).await }
    });
    queued(&writer, 2).await;
    let last = sign_up(2);
    queued(&writer, 3).await;
    drop(hold);
    assert_eq!(between.await.unwrap().unwrap(), 1);
    assert_eq!((first.await.unwrap().unwrap(), last.await.unwrap().unwrap()), (SignedUp::Asked, SignedUp::Asked));
}

#[tokio::test]
async fn other_caps_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(memory(folder.path()));
    let hold = busy(&writer).await;
    let none = SignUpCaps { network: 0, all: 0 };
    let capped = tokio::spawn({
        let writer = writer.clone();
        async move { writer.sign_up(who(1), none, now()).await }
    });
    queued(&writer, 1).await;
    let asked = tokio::spawn({
        let writer = writer.clone();
        async move { writer.sign_up(who(2), CAPS, now()).await }
    });
    queued(&writer, 2).await;
    drop(hold);
    assert_eq!((capped.await.unwrap().unwrap(), asked.await.unwrap().unwrap()), (SignedUp::Full, SignedUp::Asked));
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(memory(folder.path()));
    let hold = busy(&writer).await;
    let waiting: Vec<_> = (0..QUEUE)
        .map(|number| {
            tokio::spawn({
                let writer = writer.clone();
                async move { writer.sign_up(who(number), CAPS, now()).await }
            })
        })
        .collect();
    queued(&writer, QUEUE).await;
    assert!(matches!(writer.sign_up(who(QUEUE), CAPS, now()).await, Err(WriteError::Busy)));
    assert!(matches!(writer.write(|_| Ok(())).await, Err(WriteError::Busy)));
    drop(hold);
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap(), SignedUp::Asked);
    }
}

#[tokio::test]
async fn a_write_that_panics_takes_nobody_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(memory(folder.path()));
    let failed = writer.write::<()>(|_| panic!("on purpose")).await;
    assert!(matches!(failed, Err(WriteError::Ended)), "{failed:?}");
    assert_eq!(writer.sign_up(who(1), CAPS, now()).await.unwrap(), SignedUp::Asked);
}

#[tokio::test]
async fn a_file_that_was_replaced_is_written_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (here, aside) = (folder.path().join("reveille.db"), folder.path().join("aside"));
    std::fs::create_dir(&aside).unwrap();
    memory(&aside).close_whole().unwrap();
    let writer = Writer::start(memory(folder.path()));
    assert_eq!(writer.sign_up(who(1), CAPS, now()).await.unwrap(), SignedUp::Asked);
    let before = aside.join("before.db");
    std::fs::rename(&here, &before).unwrap();
    for _ in 0..2 {
        assert!(matches!(writer.sign_up(who(2), CAPS, now()).await, Err(WriteError::Replaced)), "nothing stands there");
        assert!(matches!(writer.write(|_| Ok(())).await, Err(WriteError::Replaced)));
    }
    assert!(!here.exists(), "nothing is made");
    std::fs::rename(aside.join("reveille.db"), &here).unwrap();
    writer.write(|memory| memory.leave("ann", now())).await.unwrap();
    assert_eq!(writer.sign_up(who(3), CAPS, now()).await.unwrap(), SignedUp::Asked);
    let ids = |memory: &Memory| memory.subscribers().unwrap().into_iter().map(|one| one.id).collect::<Vec<_>>();
    let other = memory(folder.path());
    assert_eq!((ids(&other), other.is_suppressed("ann").unwrap()), (vec![who(3).id], true), "it is in the file that counts");
    assert_eq!(ids(&Memory::open(&before, now()).unwrap()), [who(1).id]);
}
