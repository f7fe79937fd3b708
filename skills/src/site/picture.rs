//! Pictures that a text shows: where they lie, whether they are pictures, how large they are.
//!
//! Must stay true: only what is a picture of a known kind, inside the home, is ever copied to where readers are; a secret
//! that is named like a picture is not.

use url::Url;

use crate::disk::{DiskError, Root};

/// What browsers show. SVG is text and has no size of its own.
const KINDS: [&str; 7] = ["png", "jpg", "jpeg", "gif", "webp", "avif", "svg"];

/// A picture of the home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path relative to the home.
    pub(crate) path: String,
    /// Width and height in pixels, unless it is an SVG.
    pub(crate) size: Option<(usize, usize)>,
}

/// Why a picture can't be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("the picture `{0}` is missing")]
    Missing(String),
    #[error("the picture `{0}` lies outside of the home")]
    Outside(String),
    #[error("`{0}` is no picture that browsers show")]
    Kind(String),
    #[error("the picture `{to}` can't be read: {source}")]
    Disk { to: String, source: DiskError },
}

impl PictureError {
    pub(crate) fn hint(&self) -> String {
        match self {
            PictureError::Missing(_) => "put the file there, or correct the path: it starts at the folder of the text".to_owned(),
            PictureError::Outside(_) => "put the file itself into the home".to_owned(),
            PictureError::Kind(_) => format!("use one of {}", KINDS.join(", ")),
            PictureError::Disk { source, .. } => source.hint().unwrap_or_else(|| "see whether the file can be read".to_owned()),
        }
    }
}

/// Where a reference leads, if it leads to a file: the path relative to the home, and the fragment.
pub(crate) fn local(file: &str, to: &str) -> Option<(String, Option<String>)> {
    if to.is_empty() || to.starts_with(['/', '\\', '#', '?']) || Url::parse(to).is_ok() {
        return None;
    }
    // An address that stands for the file's place; joining resolves `..`, which can't climb above the home.
    let place = Url::from_file_path(format!("/{file}")).ok()?.join(to).ok()?;
    let path = place.to_file_path().ok()?;
    let path = path.to_str()?.trim_start_matches('/').to_owned();
    Some((path, place.fragment().map(str::to_owned)))
}

/// Whether a reference is named like a picture.
pub(crate) fn has_kind(to: &str) -> bool {
    to.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind.to_ascii_lowercase().as_str()))
}

/// Finds the picture that a text refers to; nothing if it lies elsewhere on the web.
pub(crate) fn find(root: &Root, file: &str, to: &str) -> Result<Option<Found>, PictureError> {
    let Some((path, _)) = local(file, to) else { return Ok(None) };
    if !has_kind(&path) {
        return Err(PictureError::Kind(to.to_owned()));
    }
    let real = root.inside(&path).map_err(|error| match error {
        DiskError::Outside { .. } => PictureError::Outside(to.to_owned()),
        error if error.is_missing() => PictureError::Missing(to.to_owned()),
        source => PictureError::Disk { to: to.to_owned(), source },
    })?;
    if !real.is_file() {
        return Err(PictureError::Missing(to.to_owned()));
    }
    let size = if path.to_ascii_lowercase().ends_with(".svg") {
        let text = std::fs::read_to_string(&real).unwrap_or_default();
        if !text.contains("<svg") {
            return Err(PictureError::Kind(to.to_owned()));
        }
        None
    } else {
        let size = imagesize::size(&real).map_err(|_| PictureError::Kind(to.to_owned()))?;
        Some((size.width, size.height))
    };
    Ok(Some(Found { path, size }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_files_are_told_from_addresses() {
        for (to, expected) in [
            ("images/a.png", Some("issues/images/a.png")),
            ("../shared/a%20b.png", Some("shared/a b.png")),
            ("044-x.md#part", Some("issues/044-x.md")),
            ("../../../../etc/passwd", Some("etc/passwd")),
            ("https://x.example/a.png", None),
            ("//x.example/a.png", None),
            ("/a.png", None),
            ("#part", None),
            ("mailto:a@b.example", None),
            ("data:image/png;base64,AA", None),
            ("", None),
        ] {
            assert_eq!(local("issues/045-y.md", to).map(|(path, _)| path).as_deref(), expected, "{to}");
        }
        assert_eq!(local("issues/a.md", "b.md#c").and_then(|(_, fragment)| fragment).as_deref(), Some("c"));
    }
}
