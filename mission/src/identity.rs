//! Identity: which line of today is which line of yesterday. Equal words are the same task; among the rest, the nearest
//! wording wins if it is near enough and says the same numbers.

use std::collections::{HashMap, HashSet};

use crate::task::{TaskId, folded};

/// How alike two wordings must be (normalized Damerau-Levenshtein, 0 to 1) to be the same task.
const ALIKE: f64 = 0.8;

/// Gives each of `texts` its id, given the remembered ids and their words. Same order as `texts`; all ids differ.
pub fn identify(texts: &[&str], remembered: &[(TaskId, String)]) -> Vec<TaskId> {
    let words: Vec<String> = texts.iter().map(|text| folded(text)).collect();
    let mut by_words: HashMap<&str, Vec<&TaskId>> = HashMap::new();
    for (id, old) in remembered.iter().rev() {
        by_words.entry(old.as_str()).or_default().push(id);
    }
    let mut ids: Vec<Option<TaskId>> = words.iter().map(|new| by_words.get_mut(new.as_str()).and_then(Vec::pop).cloned()).collect();
    let mut taken: HashSet<TaskId> = ids.iter().flatten().cloned().collect();
    let loose: Vec<&(TaskId, String)> = remembered.iter().filter(|(id, _)| !taken.contains(id)).collect();
    reworded(&words, &loose, &mut ids, &mut taken);
    let mut seen: HashMap<&str, usize> = HashMap::new();
    ids.into_iter().zip(&words).map(|(id, new)| id.unwrap_or_else(|| first_free(new, seen.entry(new).or_default(), &mut taken))).collect()
}

fn first_free(words: &str, nth: &mut usize, taken: &mut HashSet<TaskId>) -> TaskId {
    loop {
        let id = TaskId::of_words(words, *nth);
        *nth += 1;
        if taken.insert(id.clone()) {
            return id;
        }
    }
}

fn reworded(words: &[String], loose: &[&(TaskId, String)], ids: &mut [Option<TaskId>], taken: &mut HashSet<TaskId>) {
    // Only lines that share a word are compared, so a long list of new lines stays cheap.
    let mut by_word: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, (_, old)) in loose.iter().enumerate() {
        for word in old.split(' ').filter(|word| word.len() > 3) {
            by_word.entry(word).or_default().push(at);
        }
    }
    for (at, new) in words.iter().enumerate().filter(|(at, _)| ids[*at].is_none()).collect::<Vec<_>>() {
        let near: HashSet<usize> =
            new.split(' ').filter_map(|word| by_word.get(word)).filter(|places| places.len() <= 50).flatten().copied().collect();
        let mut best: Option<(f64, usize)> = None;
        for place in near {
            let (id, old) = loose[place];
            if taken.contains(id) || numbers(old) != numbers(new) || old.len().abs_diff(new.len()) > new.len() / 3 + 4 {
                continue;
            }
            let alike = strsim::normalized_damerau_levenshtein(old, new);
            if alike >= ALIKE && best.is_none_or(|(most, other)| (alike, other) > (most, place)) {
                best = Some((alike, place));
            }
        }
        if let Some((_, place)) = best {
            taken.insert(loose[place].0.clone());
            ids[at] = Some(loose[place].0.clone());
        }
    }
}

/// "issue 44" and "issue 45" are near in letters and far in meaning.
pub(crate) fn numbers(words: &str) -> Vec<&str> {
    words.split(' ').filter(|word| word.bytes().any(|b| b.is_ascii_digit())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(texts: &[&str]) -> Vec<(TaskId, String)> {
        identify(texts, &[]).into_iter().zip(texts.iter().map(|text| folded(text))).collect()
    }

    #[test]
    fn moving_and_rewording_keep_the_id() {
        let old = remember(&["Post issue 45 to Mastodon", "Refactor the template loader", "Post issue 44 to Mastodon"]);
        let new =
            identify(&["Refactor the  Template loader!", "Post issue 44 to Mastodon", "Post issue 45 on Mastodon", "Something else"], &old);
        assert_eq!(new[..3], [old[1].0.clone(), old[2].0.clone(), old[0].0.clone()]);
        assert!(old.iter().all(|(id, _)| *id != new[3]));
    }

    #[test]
    fn another_number_is_another_task() {
        let old = remember(&["Post issue 45 to Mastodon"]);
        assert_ne!(identify(&["Post issue 46 to Mastodon"], &old)[0], old[0].0);
    }

    #[test]
    fn equal_texts_have_ids_of_their_own() {
        let ids = identify(&["Call Ann", "Call Ann", "Call Ann"], &remember(&["Call Ann", "Call Ann"]));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
    }

    proptest::proptest! {
        #[test]
        fn ids_always_differ(texts in proptest::collection::vec("[a-c ]{0,6}", 0..20), old in proptest::collection::vec("[a-c ]{0,6}", 0..20)) {
            let old = remember(&old.iter().map(String::as_str).collect::<Vec<_>>());
            let ids = identify(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &old);
            proptest::prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), texts.len());
        }
    }
}
