//! What the settings say of the publication itself. The program's settings file is composed of sections like this one.
//!
//! Must stay true: nothing here is a secret, all of it may stand on a page.

use serde::Deserialize;
use url::Url;

/// The publication: its name, its address, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// The name, as it stands at the top of every page.
    pub name: String,
    /// Where the site is, or will be: the start of every address. http or https.
    pub url: Url,
    /// The owner's mail address: never counted as a reader, never shown on a page.
    pub owner: String,
    /// The language of the texts (BCP 47).
    #[serde(default = "english")]
    pub language: String,
    /// One sentence that says what this is, for the home page, the feeds and search engines.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether `url` is served already: then a page counts as published only when it was fetched from there.
    #[serde(default)]
    pub served: bool,
    /// Whether `reveille serve` answers readers: then every page has a form to subscribe, and the archive can be installed and read
    /// offline.
    #[serde(default)]
    pub readers_side: bool,
}

fn english() -> String {
    "en".to_owned()
}

impl Publication {
    /// The address that all others start with; its path ends with a slash.
    pub(crate) fn base(&self) -> Url {
        let mut base = self.url.clone();
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        base
    }

    /// The address of a file of the site, given by its path below `site/`; an `index.html` is named by its folder.
    pub(crate) fn address(&self, path: &str) -> String {
        let path = if path == "index.html" { "" } else { path.strip_suffix("/index.html").map_or(path, |folder| &path[..=folder.len()]) };
        format!("{}{path}", self.base())
    }

    /// The public address of an issue's page, from its slug.
    pub fn issue_address(&self, slug: &str) -> String {
        self.address(&format!("issues/{slug}/index.html"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_start_with_the_publication_s_own() {
        for (url, path, expected) in [
            ("https://a.example", "index.html", "https://a.example/"),
            ("https://a.example/", "issues/x/index.html", "https://a.example/issues/x/"),
            ("https://a.example/blog", "feed.json", "https://a.example/blog/feed.json"),
            ("https://a.example/blog/?q=1#f", "archive/index.html", "https://a.example/blog/archive/"),
        ] {
            let publication = Publication {
                name: "A".into(),
                url: url.parse().expect("an address"),
                owner: "o@a.example".into(),
                language: english(),
                description: None,
                served: false,
                readers_side: false,
            };
            assert_eq!(publication.address(path), expected);
        }
    }
}
