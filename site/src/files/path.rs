//! From the path of a request to a path in the folder.
//!
//! Must stay true: what comes out climbs nowhere and names nothing hidden.

use percent_encoding::percent_decode_str;

/// The folder of RFC 8615, the one name with a dot that is meant for strangers.
const WELL_KNOWN: &str = ".well-known";

/// The path of a file, relative to the folder; `None` for what no file of ours can be called.
pub(super) fn plain(path: &str) -> Option<String> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let (folders, name) = path.rsplit_once('/').map_or((None, &*path), |(folders, name)| (Some(folders), name));
    for (place, segment) in folders.iter().flat_map(|folders| folders.split('/')).chain((!name.is_empty()).then_some(name)).enumerate() {
        let hidden = segment.starts_with('.') && !(place == 0 && segment == WELL_KNOWN);
        if segment.is_empty() || hidden || segment.contains(|letter: char| letter.is_control() || letter == '\\') {
            return None;
        }
    }
    Some(if name.is_empty() { format!("{path}index.html") } else { path.into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_the_folder() {
        for (asked, file) in [
            ("/", "index.html"),
            ("/issues/1/", "issues/1/index.html"),
            ("/issues/1", "issues/1"),
            ("/style.css", "style.css"),
            ("/caf%C3%A9.html", "café.html"),
            ("/a%20b..c.txt", "a b..c.txt"),
            ("/.well-known/security.txt", ".well-known/security.txt"),
        ] {
            assert_eq!(plain(asked).as_deref(), Some(file), "{asked}");
        }
        let outside =
            ["", "x", "*", "//", "//evil.example/", "/a//b", "/..", "/../x", "/a/../b", "/%2e%2e/x", "/..%2fx", "/a%2f..%2f..%2fx"];
        let hidden = ["/.git/config", "/.env", "/a/.b", "/%2egit", "/a/.well-known/x", "/.well-known/.x", "/./a", "/a/."];
        let odd = ["/a%00b", "/a%0d%0ab", "/a\\..\\b", "/a%5cb", "/%ff", "/%c0%ae%c0%ae/"];
        for asked in outside.into_iter().chain(hidden).chain(odd) {
            assert_eq!(plain(asked), None, "{asked:?}");
        }
    }
}
