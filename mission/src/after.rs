//! `after:`: which items must be ticked before another. Circles and names that fit nothing are said.

use std::collections::HashMap;

use crate::facts::Facts;
use crate::need::{Need, NeedState};
use crate::progress::{Item, ItemState};
use crate::task::folded;

/// Records, for every `after:` of the open items, whether it is met.
pub fn check_after(items: &[Item], facts: &mut Facts) {
    let texts: Vec<String> = items.iter().map(|item| folded(item.text())).collect();
    let starts = |start: &str| {
        let start = folded(start);
        (0..items.len())
            .filter(|at| texts[*at].strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
            .collect::<Vec<_>>()
    };
    let mut targets: HashMap<&str, Vec<usize>> = HashMap::new();
    for start in items.iter().flat_map(|item| &item.tagged.tags.after) {
        targets.entry(start).or_insert_with(|| starts(start));
    }
    for (start, found) in &targets {
        facts.set_need(Need::After((*start).to_owned()), state(start, found, items, &targets));
    }
}

fn state(start: &str, found: &[usize], items: &[Item], targets: &HashMap<&str, Vec<usize>>) -> NeedState {
    let unmet = |why: String, unblock: &str| NeedState::Unmet { why, unblock: unblock.to_owned() };
    let with = |state| found.iter().find(|at| items[**at].state == state).map(|at| &items[*at]);
    if found.is_empty() {
        return unmet(format!("no item starts with “{start}”"), "correct the `after:` tag, or remove it");
    }
    if let Some(open) = with(ItemState::Open) {
        if in_circle(found, items, targets) {
            return unmet(
                format!("`after:` goes in a circle through “{}” (line {})", open.text(), open.line),
                "remove one `after:` tag of the circle",
            );
        }
        return NeedState::Unmet {
            why: format!("“{}” (line {}) is still open", open.text(), open.line),
            unblock: format!("finish line {} first: “{}”", open.line, open.text()),
        };
    }
    if let Some(dropped) = with(ItemState::Dropped) {
        return unmet(format!("“{}” (line {}) was dropped", dropped.text(), dropped.line), "remove the `after:` tag");
    }
    NeedState::Met
}

fn in_circle(from: &[usize], items: &[Item], targets: &HashMap<&str, Vec<usize>>) -> bool {
    let mut seen = vec![false; items.len()];
    let mut next: Vec<usize> = from.to_vec();
    while let Some(at) = next.pop() {
        for target in items[at].tagged.tags.after.iter().filter_map(|start| targets.get(start.as_str())).flatten() {
            if from.contains(target) {
                return true;
            }
            if !std::mem::replace(&mut seen[*target], true) {
                next.push(*target);
            }
        }
    }
    false
}
