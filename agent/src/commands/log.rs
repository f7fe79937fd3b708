//! `log`: what the program said during its wakes.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::print;
use crate::failure::Outcome;
use crate::home::Home;

/// Show the log of the last wakes
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// How many lines
    #[arg(short = 'n', long, default_value_t = 40)]
    lines: usize,
    /// Print the JSON lines as they are
    #[arg(long)]
    json: bool,
}

impl Log {
    pub(super) fn run(self, home: &Home) -> Outcome<ExitCode> {
        let mut files: Vec<_> = match std::fs::read_dir(home.logs()) {
            Ok(entries) => {
                entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect()
            }
            Err(_) => vec![],
        };
        files.sort();
        let mut lines: Vec<String> = Vec::new();
        // The newest file first, until there are enough lines.
        for file in files.iter().rev() {
            let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
            let mut earlier: Vec<String> = text.lines().map(str::to_owned).collect();
            earlier.append(&mut lines);
            lines = earlier;
            if lines.len() >= self.lines {
                break;
            }
        }
        if lines.is_empty() {
            print("No wake has been logged yet.\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        let from = lines.len().saturating_sub(self.lines);
        for line in &lines[from..] {
            let shown = if self.json { line.clone() } else { human(line) };
            print(&format!("{shown}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One JSON line as a person reads it; a line that is none stays as it is.
fn human(line: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let time: String = value["timestamp"].as_str().unwrap_or_default().chars().take(19).collect();
    let span = value["span"]["stage"].as_str().map(|name| format!("{name}: ")).unwrap_or_default();
    let mut out = format!("{} {:<5} {span}", time.replace('T', " "), value["level"].as_str().unwrap_or_default());
    let fields = value["fields"].as_object();
    if let Some(message) = fields.and_then(|fields| fields.get("message")) {
        out.push_str(&text(message));
    }
    for (key, field) in fields.into_iter().flatten().filter(|(key, _)| *key != "message") {
        out.push_str(&format!(" {key}={}", text(field)));
    }
    out
}
