//! The picture that goes with a post: the one that the author names, with the author's words for those who do not see it.
//!
//! Must stay true: only a file of the home that is a picture by its bytes is ever read; without words it goes nowhere; no more
//! is read than a channel would take.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use imagesize::ImageType;
use reveille_mission::{Diagnostic, Issue};
use thiserror::Error;

use crate::channels::Picture;
use crate::disk::{DiskError, Root};
use crate::front_matter::parse;
use crate::shelf::Listed;
use crate::site::picture::{PictureError, find};

/// The largest picture, in bytes: what Mastodon's older servers take (8 MB).
const MOST: usize = 8_000_000;

/// Why the picture that the author names can't go with a post.
#[derive(Debug, Error)]
pub enum NoPicture {
    /// The issue's file can't be read.
    #[error("{path}: {}", .diagnostic.message)]
    Issue {
        /// The file, relative to the home.
        path: String,
        /// What is wrong with it.
        diagnostic: Box<Diagnostic>,
    },
    /// It is missing, lies outside of the home, or is no picture.
    #[error("{why}")]
    Unfit {
        /// Why.
        why: String,
        /// How to mend it.
        hint: String,
    },
    /// It is a picture, but of a kind that channels do not take.
    #[error("the picture `{path}` is none that every channel takes")]
    Kind {
        /// The file, relative to the home.
        path: String,
    },
    /// It is too large.
    #[error("the picture `{path}` is larger than {} MB", MOST / 1_000_000)]
    TooLarge {
        /// The file, relative to the home.
        path: String,
    },
    /// The file system says no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl NoPicture {
    /// What a human can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            NoPicture::Issue { diagnostic, .. } => diagnostic.hint.clone(),
            NoPicture::Unfit { hint, .. } => Some(hint.clone()),
            NoPicture::Kind { .. } => Some("save it as PNG, JPEG, GIF or WebP".to_owned()),
            NoPicture::TooLarge { .. } => Some("make it smaller, or remove `image:`".to_owned()),
            NoPicture::Disk(error) => error.hint(),
        }
    }
}

impl From<PictureError> for NoPicture {
    fn from(error: PictureError) -> Self {
        NoPicture::Unfit { why: error.to_string(), hint: error.hint() }
    }
}

/// The picture of an issue: `image:` with `image_alt:`. Nothing when one of the two is missing (the shelf says which), or when
/// the picture lies elsewhere on the web.
///
/// # Errors
///
/// When the picture can't be read, is no PNG, JPEG, GIF or WebP by its bytes, or is too large.
pub fn picture(home: &Path, issue: &Issue) -> Result<Option<Picture>, NoPicture> {
    let root = Root::open(home)?;
    let head = Listed::at(&issue.path).head(&root).and_then(|head| parse(&head));
    let front = head.map_err(|diagnostic| NoPicture::Issue { path: issue.path.clone(), diagnostic: Box::new(diagnostic) })?;
    let (Some(image), Some(alt)) = (front.image, front.image_alt) else { return Ok(None) };
    let Some(found) = find(&root, &issue.path, &image.value)? else { return Ok(None) };
    let bytes = read(&root, &found.path)?;
    let media_type = media_type(&bytes).ok_or(NoPicture::Kind { path: found.path })?;
    Ok(Some(Picture { bytes, media_type: media_type.to_owned(), alt }))
}

fn read(root: &Root, path: &str) -> Result<Vec<u8>, NoPicture> {
    let real = root.inside(path)?;
    let mut bytes = Vec::new();
    let whole = File::open(real).and_then(|file| file.take(MOST as u64 + 1).read_to_end(&mut bytes));
    whole.map_err(|source| DiskError::Io { path: path.into(), source })?;
    if bytes.len() > MOST { Err(NoPicture::TooLarge { path: path.to_owned() }) } else { Ok(bytes) }
}

/// The media type, from the bytes: a file's name proves nothing.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match imagesize::image_type(bytes).ok()? {
        ImageType::Png => Some("image/png"),
        ImageType::Jpeg => Some("image/jpeg"),
        ImageType::Gif => Some("image/gif"),
        ImageType::Webp => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::distribute::tests::issue_45;

    /// A PNG of 1 by 1.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

    /// What becomes of the picture in a home where the issue has this front matter.
    fn of(front: &str) -> (tempfile::TempDir, Result<Option<Picture>, NoPicture>) {
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join("issues")).expect("made");
        let issue = issue_45();
        fs::write(home.path().join(&issue.path), format!("---\ntitle: X\n{front}---\nBody.\n")).expect("written");
        let gif = b"GIF89a\x01\0\x01\0\0\0\0";
        for (name, bytes) in [("a.png", PNG), ("named.png", &gif[..]), ("secret.png", b"token = 1"), ("a.svg", b"<svg/>")] {
            fs::write(home.path().join("issues").join(name), bytes).expect("written");
        }
        let mut large = PNG.to_vec();
        large.resize(MOST, 0);
        fs::write(home.path().join("issues/most.png"), &large).expect("written");
        large.push(0);
        fs::write(home.path().join("issues/large.png"), &large).expect("written");
        std::os::unix::fs::symlink("/etc/hostname", home.path().join("issues/out.png")).expect("linked");
        let found = picture(home.path(), &issue);
        (home, found)
    }

    #[test]
    fn a_picture_goes_with_its_words_or_not_at_all() {
        let (_home, found) = of("image: a.png\nimage_alt: Two readers.\n");
        let expected = Picture { bytes: PNG.to_vec(), media_type: "image/png".into(), alt: "Two readers.".into() };
        assert_eq!(found.expect("read"), Some(expected));
        for front in
            ["", "image: a.png\n", "image: a.png\nimage_alt: \" \"\n", "image_alt: x\n", "image: https://x.example/a.png\nimage_alt: x\n"]
        {
            assert_eq!(of(front).1.expect("read"), None, "{front}");
        }
    }

    #[test]
    fn the_bytes_say_what_it_is_and_what_is_unfit_is_said() {
        let with = |name: &str| of(&format!("image: {name}\nimage_alt: x\n")).1;
        assert_eq!(with("named.png").expect("read").map(|picture| picture.media_type).as_deref(), Some("image/gif"));
        assert!(with("most.png").expect("read").is_some());
        for (name, expected) in [
            ("large.png", "the picture `issues/large.png` is larger than 8 MB"),
            ("secret.png", "`secret.png` is no picture that browsers show"),
            ("a.svg", "the picture `issues/a.svg` is none that every channel takes"),
            ("gone.png", "the picture `gone.png` is missing"),
            ("out.png", "the picture `out.png` lies outside of the home"),
        ] {
            let error = with(name).expect_err(name);
            assert_eq!(error.to_string(), expected);
            assert!(error.hint().is_some(), "{name}");
        }
    }
}
