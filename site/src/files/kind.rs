//! What a file is: by its name, and for feeds by how it begins.

use axum::http::HeaderValue;

/// How much of a feed is looked at.
const BEGINNING: usize = 512;

/// The media type of a file.
pub(super) fn of(name: &str, content: &[u8]) -> HeaderValue {
    let by_name = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
    let beginning = String::from_utf8_lossy(&content[..content.len().min(BEGINNING)]);
    let text = match by_name {
        "text/xml" | "application/xml" if beginning.contains("<feed") => "application/atom+xml",
        "text/xml" | "application/xml" if beginning.contains("<rss") => "application/rss+xml",
        "text/xml" | "application/xml" => "application/xml",
        "application/json" if beginning.contains("https://jsonfeed.org/version/") => "application/feed+json",
        // What we write is UTF-8; without a word about it browsers guess.
        "text/html" => "text/html; charset=utf-8",
        "text/css" => "text/css; charset=utf-8",
        "text/plain" => "text/plain; charset=utf-8",
        "text/markdown" => "text/markdown; charset=utf-8",
        "text/javascript" | "application/javascript" => "text/javascript; charset=utf-8",
        other => other,
    };
    HeaderValue::from_static(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is() {
        for (name, content, kind) in [
            ("index.html", "<!doctype html>", "text/html; charset=utf-8"),
            ("style.css", "", "text/css; charset=utf-8"),
            ("sw.js", "", "text/javascript; charset=utf-8"),
            ("robots.txt", "", "text/plain; charset=utf-8"),
            ("app.webmanifest", "{}", "application/manifest+json"),
            ("feed.xml", "<?xml version=\"1.0\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">", "application/atom+xml"),
            ("rss.xml", "<?xml version=\"1.0\"?><rss version=\"2.0\">", "application/rss+xml"),
            ("sitemap.xml", "<?xml version=\"1.0\"?><urlset>", "application/xml"),
            ("feed.json", "{\"version\":\"https://jsonfeed.org/version/1.1\"", "application/feed+json"),
            ("data.json", "{}", "application/json"),
            ("a.svg", "<svg>", "image/svg+xml"),
            ("a.png", "", "image/png"),
            ("a.webp", "", "image/webp"),
            ("a.woff2", "", "font/woff2"),
            ("CNAME", "", "application/octet-stream"),
        ] {
            assert_eq!(of(name, content.as_bytes()), kind, "{name}");
        }
    }
}
