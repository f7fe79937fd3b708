//! The human of the home that wakes for a year: adds, ticks, rewords, drops and tags lines, answers in the block, releases
//! drafts, clears away what is done. The same wake always sees the same edit.

use std::fmt::Write as _;

use reveille_tests::Home;

/// What they write about.
const PARTS: [&str; 8] =
    ["template loader", "metrics store", "config parser", "job runner", "importer", "admin panel", "cache", "archive page"];

/// What they write down to do; most of it no reader would notice.
const VERBS: [&str; 7] =
    ["Refactor the", "Document the", "Profile the", "Ask a friend about the", "Sketch a post on the", "Simplify the", "Test the"];

/// A human, and what they have done so far.
pub(super) struct Human {
    /// So many open lines are about right for them.
    lines: usize,
    written: usize,
    drafts: usize,
}

fn line(number: usize) -> String {
    format!("{} {}, part {number}", VERBS[number % VERBS.len()], PARTS[number / VERBS.len() % PARTS.len()])
}

/// The list that the year begins with.
pub(super) fn first_list(lines: usize) -> String {
    (0..lines).fold("# Plan\n\n".to_owned(), |list, number| list + "- [ ] " + &line(number) + "\n")
}

/// An issue of the time before.
pub(super) fn old_issue(number: usize) -> String {
    let body = "The machine wakes, reads its list, and asks who the work is for. ".repeat(30);
    format!(
        "---\ntitle: \"Old {number}\"\nnumber: {number}\nslug: old-{number}\ndate: 2025-03-01\nsummary: \"About {number}.\"\n---\n\n{body}\n"
    )
}

/// Twenty readers, of whom one has an address that does not exist.
pub(super) fn readers() -> String {
    let head = "email,name,status,tier,confirmed_at,source\nreject@lighthouse.net,Gone,confirmed,free,2025-01-01,form\n".to_owned();
    (1..20).fold(head, |list, number| list + &format!("reader{number}@lighthouse.net,R{number},confirmed,free,2025-01-01,form\n"))
}

impl Human {
    pub(super) fn new(lines: usize) -> Self {
        Self { lines, written: lines, drafts: 0 }
    }

    /// What they do before this wake.
    pub(super) fn acts(&mut self, home: &Home, wake: usize) {
        let progress = home.read("PROGRESS.md");
        let mut lines: Vec<String> = progress.lines().map(str::to_owned).collect();
        if wake % 6 == 1 {
            self.written += 1;
            lines.insert(2, format!("- [ ] {}", line(self.written)));
        }
        let own = own(&lines);
        let open: Vec<usize> = own.into_iter().filter(|at| lines[*at].starts_with("- [ ]")).collect();
        if let Some(at) = open.get(wake * 7 % open.len().max(1)).copied() {
            match wake {
                _ if wake % 7 == 2 && open.len() > self.lines => lines[at] = lines[at].replacen("[ ]", "[x]", 1),
                _ if wake % 13 == 4 => lines[at].push_str(", with care"),
                _ if wake % 37 == 5 => lines[at] = lines[at].replacen("[ ]", "[-]", 1),
                _ if wake % 183 == 7 && !lines[at].contains(" for:") => lines[at].push_str(" for:nobody"),
                _ => {}
            }
        }
        if wake % 17 == 8 {
            answer(&mut lines, wake);
        }
        if wake % 360 == 9 {
            let gone: Vec<usize> = self::own(&lines).into_iter().filter(|at| !lines[*at].starts_with("- [ ]")).collect();
            let mut at = 0;
            lines.retain(|_| (!gone.contains(&at), at += 1).0);
        }
        let text = lines.join("\n") + "\n";
        if text != progress {
            home.write("PROGRESS.md", text);
        }
        if wake % 84 == 3 || (self.lines < 100 && wake % 9 == 3) {
            self.releases_a_draft(home);
        }
    }

    fn releases_a_draft(&mut self, home: &Home) {
        self.drafts += 1;
        let number = self.drafts;
        let mut body = String::new();
        for paragraph in 0..12 {
            let _ = writeln!(
                body,
                "Week {number}, paragraph {paragraph}: the lamp was lit, and somebody read on. {}\n",
                "Words of the week. ".repeat(20)
            );
        }
        let front = format!(
            "title: \"Week {number} at the lamp\"\nsummary: \"What week {number} brought to the lighthouse.\"\nready: true\nmail: true"
        );
        home.write(&format!("drafts/week-{number}.md"), format!("---\n{front}\n---\n\n{body}"));
    }
}

/// The places of the human's own items: those before the agent's block.
fn own(lines: &[String]) -> Vec<usize> {
    let block = lines.iter().position(|line| line.starts_with("<!-- reveille")).unwrap_or(lines.len());
    (0..block).filter(|at| lines[*at].starts_with("- [")).collect()
}

/// Answers the first thing that is asked: an address for what was to be posted, else a tick, a yes or a no.
fn answer(lines: &mut [String], wake: usize) {
    let Some(entry) = lines.iter_mut().find(|line| line.starts_with("- [ ]") && line.contains("`#")) else { return };
    let words = match wake % 3 {
        _ if entry.contains("Hacker News") && wake.is_multiple_of(2) => format!(" https://news.ycombinator.com/item?id={}", 40_000 + wake),
        0 => " yes".to_owned(),
        1 => " no".to_owned(),
        _ => String::new(),
    };
    if words.is_empty() {
        *entry = entry.replacen("- [ ]", "- [x]", 1);
    } else {
        entry.push_str(&words);
    }
}
