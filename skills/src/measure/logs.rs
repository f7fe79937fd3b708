//! Counting visits by the logs of another web server: Apache's common and combined formats, nginx's default, and Caddy's JSON lines;
//! rotated files beside them, packed with gzip or not.
//!
//! Must stay true: only whole days are counted, each once, and none that the server itself counted; an address lives no longer than the
//! reading; a line that is broken, too long or of no page is skipped and counted; nothing grows beyond its bound.

mod line;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use flate2::bufread::MultiGzDecoder;
use reveille_memory::{LoggedDay, OTHER, Visitor};
use reveille_mission::{Channel, PEOPLE_A_DAY, PEOPLE_A_NETWORK, VisitSource, is_robot};
use url::Url;

use line::Line;

/// The longest line that is read, in bytes.
const LONGEST: usize = 16 << 10;
/// The most that is read of one file, unpacked, in bytes.
const MOST: u64 = 4 << 30;
/// The deepest folder of the site that is looked into.
const DEPTH: usize = 8;

/// What reading needs to know.
pub struct Logs<'a> {
    /// The site's own address.
    pub site: &'a Url,
    /// The folder of the rendered site: its pages are told by name.
    pub pages: &'a Path,
    /// Hosts of the channels of the settings.
    pub hosts: &'a [(String, Channel)],
    /// Today: not over, so not counted.
    pub today: NaiveDate,
    /// 32 random bytes that nobody keeps.
    pub salt: [u8; 32],
}

/// What was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The days, the oldest first.
    pub days: Vec<LoggedDay>,
    /// Lines, in all.
    pub lines: u64,
    /// Lines that are none of these formats.
    pub broken: u64,
    /// Files of which no line is: they are no logs.
    pub no_logs: Vec<PathBuf>,
}

/// One day while it is read.
#[derive(Default)]
struct Day {
    pages: BTreeMap<(String, VisitSource), (u64, u64)>,
    people: HashMap<i64, VisitSource>,
    /// How many of them are of each network.
    networks: HashMap<i64, u64>,
    seen: HashSet<(i64, String)>,
    robots: u64,
}

impl Logs<'_> {
    /// Reads files; `wanted` says whether a day is to be counted.
    ///
    /// # Errors
    /// A file can't be read, with its path.
    pub fn read(&self, files: &[PathBuf], wanted: &dyn Fn(NaiveDate) -> bool) -> Result<Counted, (PathBuf, io::Error)> {
        let mut pages = HashSet::new();
        rendered(self.pages, "/", DEPTH, &mut pages);
        let mut read = Counted::default();
        let mut days: BTreeMap<NaiveDate, Option<Day>> = BTreeMap::new();
        for path in files {
            let (lines_before, broken_before) = (read.lines, read.broken);
            let mut take = |bytes: Option<&[u8]>| {
                read.lines += 1;
                let Some(line) = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(Line::of) else {
                    read.broken += 1;
                    return;
                };
                let date = line.at.date_naive();
                let day = days.entry(date).or_insert_with(|| (date < self.today && wanted(date)).then(Day::default));
                if let Some(day) = day {
                    self.count(&line, &pages, day);
                }
            };
            lines(path, &mut take).map_err(|error| (path.clone(), error))?;
            if read.lines > lines_before && read.lines - lines_before == read.broken - broken_before {
                read.no_logs.push(path.clone());
            }
        }
        read.days = days.into_iter().filter_map(|(date, day)| Some(told(date, day?))).collect();
        Ok(read)
    }

    fn count(&self, line: &Line<'_>, pages: &HashSet<String>, day: &mut Day) {
        let (path, query) = line.target.split_once('?').unwrap_or((&line.target, ""));
        let path = path.strip_suffix("index.html").unwrap_or(path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_page = !name.contains('.') || name.ends_with(".html");
        if !is_page || !matches!(line.status, 200 | 304) || !matches!(&*line.method, "GET" | "HEAD") {
            return;
        }
        if line.method == "HEAD" || is_robot(&line.agent) {
            day.robots += 1;
            return;
        }
        let via = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "via").map(|(_, via)| via.into_owned());
        let referer = Url::parse(&line.referer).ok().and_then(|page| page.host_str().map(str::to_owned));
        let source = VisitSource::of(via.as_deref(), referer.as_deref(), self.site.host_str().unwrap_or_default(), self.hosts);
        let page = if pages.contains(path) { path.to_owned() } else { OTHER.to_owned() };
        let visitor = Visitor::of(&line.address, &line.agent, "");
        let number = visitor.number(&self.salt);
        if !day.people.contains_key(&number) {
            let is_full = day.people.len() as u64 >= PEOPLE_A_DAY;
            let network = day.networks.entry(visitor.network(&self.salt)).or_default();
            if is_full || *network >= PEOPLE_A_NETWORK {
                day.pages.entry((page, source)).or_default().0 += 1;
                return;
            }
            *network += 1;
        }
        let first = *day.people.entry(number).or_insert(source);
        let new = day.seen.insert((number, page.clone()));
        let count = day.pages.entry((page, first)).or_default();
        *count = (count.0 + 1, count.1 + u64::from(new));
    }
}

fn told(day: NaiveDate, read: Day) -> LoggedDay {
    let mut landings: BTreeMap<VisitSource, u64> = BTreeMap::new();
    read.people.into_values().for_each(|source| *landings.entry(source).or_default() += 1);
    let pages = read.pages.into_iter().map(|((page, source), (views, visitors))| (page, source, views, visitors)).collect();
    LoggedDay { day, pages, landings: landings.into_iter().collect(), robots: read.robots }
}

/// The paths of the rendered pages.
fn rendered(folder: &Path, path: &str, depth: usize, pages: &mut HashSet<String>) {
    // A site that was never rendered has no pages with a name.
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let (name, Ok(kind)) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type()) else { continue };
        if kind.is_dir() && depth > 0 {
            rendered(&entry.path(), &format!("{path}{name}/"), depth - 1, pages);
        } else if name == "index.html" {
            pages.insert(path.to_owned());
        } else if name.ends_with(".html") {
            pages.insert(format!("{path}{name}"));
        }
    }
}

/// A log and what was rotated away of it, as logrotate names that: `access.log.1`, `access.log.2.gz`, `access.log-20261120.gz`.
///
/// # Errors
/// Its folder can't be read.
pub fn with_rotated(log: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name().and_then(OsStr::to_str)) else { return Ok(vec![log.to_owned()]) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut files = vec![];
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let Some(rest) = path.file_name().and_then(OsStr::to_str).and_then(|file| file.strip_prefix(name)) else { continue };
        let number = rest.strip_suffix(".gz").unwrap_or(rest);
        let rotated =
            number.strip_prefix(['.', '-']).is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        if rest.is_empty() || rotated {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Every line of a file; nothing for one that is too long.
fn lines(path: &Path, take: &mut dyn FnMut(Option<&[u8]>)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    // RFC 1952, 2.3.1
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    if packed { bounded(BufReader::new(MultiGzDecoder::new(file).take(MOST)), take) } else { bounded(file.take(MOST), take) }
}

fn bounded(mut from: impl BufRead, take: &mut dyn FnMut(Option<&[u8]>)) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.ends_with(b"\n") || line.len() < LONGEST {
            take(Some(&line));
            continue;
        }
        // The rest of a line that is too long.
        while !line.ends_with(b"\n") {
            line.clear();
            if from.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line)? == 0 {
                break;
            }
        }
        take(None);
    }
}
