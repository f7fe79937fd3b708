//! The templates: carried by the program, each replaced by a file of the same name in the home's `templates/`.
//!
//! Must stay true: a variable that is not there is an error with file and line, never an empty place on a page; text is
//! escaped unless we made it HTML ourselves.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, escape_formatter};
use sha2::{Digest, Sha256};

use super::SiteError;
use crate::address::escaped;
use crate::disk::{Root, hex};

/// Where the user's own lie.
const FOLDER: &str = "templates";

const CARRIED: [(&str, &str); 10] = [
    ("base.html", include_str!("templates/base.html")),
    ("home.html", include_str!("templates/home.html")),
    ("issue.html", include_str!("templates/issue.html")),
    ("archive.html", include_str!("templates/archive.html")),
    ("tag.html", include_str!("templates/tag.html")),
    ("subscribe.html", include_str!("templates/subscribe.html")),
    ("offline.html", include_str!("templates/offline.html")),
    ("sitemap.xml", include_str!("templates/sitemap.xml")),
    ("robots.txt", include_str!("templates/robots.txt")),
    (STYLE, include_str!("templates/style.css")),
];

/// The stylesheet: copied as it is.
const STYLE: &str = "style.css";

/// All templates of a home.
pub(crate) struct Templates {
    environment: Environment<'static>,
    style: String,
    /// The digest of all of them.
    pub(crate) digest: String,
}

impl Templates {
    /// Loads the carried ones and those of the home; any other file there can be included by name.
    pub(crate) fn load(root: &Root) -> Result<Self, SiteError> {
        let mut sources: BTreeMap<String, String> =
            CARRIED.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
        for name in own(root)? {
            let path = format!("{FOLDER}/{name}");
            let source = String::from_utf8(root.read(&path)?).map_err(|_| SiteError::Template {
                path: path.clone(),
                line: 1,
                message: "it is no UTF-8 text".to_owned(),
            })?;
            sources.insert(name, source);
        }
        let mut digest = Sha256::new();
        for part in sources.iter().flat_map(|(name, source)| [name, source]) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let style = sources.remove(STYLE).unwrap_or_default();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(|out, state, value| match (state.auto_escape(), value.as_str()) {
            (AutoEscape::Html, Some(text)) if !value.is_safe() => out.write_str(&escaped(text)).map_err(Into::into),
            _ => escape_formatter(out, state, value),
        });
        for (name, source) in sources {
            environment.add_template_owned(name, source).map_err(|error| wrong(&error))?;
        }
        Ok(Self { environment, style, digest: hex(&digest.finalize()) })
    }

    /// Fills one in.
    pub(crate) fn fill(&self, name: &str, context: Value) -> Result<Vec<u8>, SiteError> {
        let template = self.environment.get_template(name).map_err(|error| wrong(&error))?;
        template.render(context).map(String::into_bytes).map_err(|error| wrong(&error))
    }

    /// The stylesheet, without what a form needs.
    pub(crate) fn style(&self) -> &str {
        &self.style
    }
}

/// The names of the home's own templates.
fn own(root: &Root) -> Result<Vec<String>, SiteError> {
    let folder = match root.inside(FOLDER) {
        Err(missing) if missing.is_missing() => return Ok(vec![]),
        other => other?,
    };
    let failed = |source| SiteError::Disk(crate::disk::DiskError::Io { path: FOLDER.into(), source });
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = [".html", ".xml", ".txt", ".css"].iter().any(|kind| name.ends_with(kind));
        if known && !name.starts_with('.') && !entry.file_type().map_err(failed)?.is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn wrong(error: &minijinja::Error) -> SiteError {
    let (name, line, message) = fault(error);
    SiteError::Template { path: format!("{FOLDER}/{}", name.unwrap_or("a template")), line, message }
}

/// Where a template is wrong, and why: its name, its line, the words.
pub(crate) fn fault(error: &minijinja::Error) -> (Option<&str>, usize, String) {
    // The innermost cause says where it really is: an included or extended file.
    let mut innermost = error;
    while let Some(cause) = std::error::Error::source(innermost).and_then(|cause| cause.downcast_ref::<minijinja::Error>()) {
        innermost = cause;
    }
    let message = match (innermost.kind(), innermost.detail()) {
        (ErrorKind::UndefinedError, None) => "a variable that is not there".to_owned(),
        (kind, None) => kind.to_string(),
        (_, Some(detail)) => detail.to_owned(),
    };
    (innermost.name().or(error.name()), innermost.line().unwrap_or(1), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    fn with(name: &str, source: &str) -> (tempfile::TempDir, Result<Templates, SiteError>) {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(home.path().join(FOLDER)).expect("made");
        std::fs::write(home.path().join(FOLDER).join(name), source).expect("written");
        let templates = Templates::load(&Root::open(home.path()).expect("opened"));
        (home, templates)
    }

    #[test]
    fn a_file_of_the_home_replaces_ours() {
        let (_home, templates) = with("robots.txt", "Disallow: {{ sitemap }}");
        assert_eq!(templates.expect("loaded").fill("robots.txt", context! { sitemap => "<x>" }).expect("filled"), b"Disallow: <x>");
        let (_home, templates) = with("mine.html", "{{ a }}");
        let filled = templates.expect("loaded").fill("mine.html", context! { a => "<a href='/x'>" }).expect("filled");
        assert_eq!(String::from_utf8_lossy(&filled), "&lt;a href=&#39;/x&#39;&gt;");
    }

    #[test]
    fn a_fault_is_said_with_file_and_line() {
        for (source, line, words) in
            [("a\n{{ gone }}", 2, ""), ("{{ site.gone }}", 1, ""), ("\n\n{% if %}", 3, ""), ("{% include 'no.html' %}", 1, "no.html")]
        {
            let (_home, templates) = with("mine.html", source);
            let error = templates.and_then(|templates| templates.fill("mine.html", context! { site => context! {} })).expect_err(source);
            let SiteError::Template { path, line: at, message } = &error else { panic!("{error}") };
            assert_eq!((path.as_str(), *at), ("templates/mine.html", line), "{source}: {message}");
            assert!(message.contains(words) && error.hint().is_some(), "{message}");
        }
    }

    /// WCAG 2.1: relative luminance and contrast ratio.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |colour: &str| {
            let part = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("hex")) / 255.0;
                if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_has_the_contrast_of_wcag_aa() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.01);
        let style = include_str!("templates/style.css");
        for (scheme, block) in
            [("light", style.find(":root").expect("light")), ("dark", style.find("(prefers-color-scheme: dark)").expect("dark"))]
        {
            let colour = |name: &str| {
                let at = style[block..].find(&format!("--{name}: #")).expect("a colour") + block + name.len() + 4;
                &style[at..at + 7]
            };
            for text in ["ink", "quiet", "link"] {
                for ground in ["paper", "shade"] {
                    let ratio = contrast(colour(text), colour(ground));
                    assert!(ratio >= 4.5, "{scheme}: {text} on {ground} has {ratio:.2}");
                }
            }
        }
    }
}
