//! A small home to serve, for the tests of this crate.

use std::path::Path;

use reveille_memory::{Memory, SignUpCaps};

use super::*;

/// An app whose publication is at `https://letter.example/`, with its files in `site/` of a folder.
pub(crate) fn app(folder: &Path) -> App {
    let publication = Publication {
        name: "The Letter".to_owned(),
        url: Url::parse("https://letter.example/").unwrap(),
        language: "en".to_owned(),
        description: None,
    };
    let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().unwrap();
    let pages = Pages::load(&folder.join("templates"), &publication).unwrap();
    std::fs::create_dir_all(folder.join("site")).unwrap();
    App {
        publication: Arc::new(publication),
        files: folder.join("site"),
        key: Arc::from([7; 32]),
        now: Arc::new(move || now),
        reader: Reader::of(&folder.join("reveille.db")),
        writer: Writer::start(Memory::open(&folder.join("reveille.db"), now).unwrap()),
        pages: Arc::new(pages),
        proxies: Arc::from([]),
        subscribing: Arc::new(Subscribing {
            caps: SignUpCaps { network: 20, all: 500 },
            is_open: true,
            owner: Default::default(),
            wanted: Box::new(|| {}),
        }),
        visits: Visits::new(vec![]),
        headline: None,
        topics: Arc::new(Vec::new),
        listed: Arc::new(|_| Ok(vec![])),
        letters_end: true,
    }
}
