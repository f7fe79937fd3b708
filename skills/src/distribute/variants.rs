//! Telling again in other words: which of the author's words have not gone out on a channel yet.
//!
//! Must stay true: no two tellings of an issue on a channel begin with the same words, whatever was cut from their end; where it
//! is not known what went out, what was counted is taken as used.

use reveille_mission::folded;

/// What went out before.
pub(super) struct Earlier {
    /// The first line of each text, without the ellipsis of a cut.
    openings: Vec<Opening>,
    told_before: usize,
}

/// How a text begins, as it stands and with case and marks folded away.
#[derive(PartialEq)]
struct Opening {
    raw: String,
    folded: String,
}

impl Opening {
    /// Of a text; the words of a post stand on its first line, see [`super::words::plain`].
    fn of(text: &str) -> Option<Opening> {
        let raw = text.trim_start().lines().next().unwrap_or_default().trim_end_matches(['…', ' ']).to_owned();
        (!raw.is_empty()).then(|| Opening { folded: folded(&raw), raw })
    }

    fn says(&self, other: &Opening) -> bool {
        self.raw == other.raw || self.folded == other.folded
    }

    /// Whether it could be the beginning of `whole`, cut.
    fn begins(&self, whole: &Opening) -> bool {
        whole.raw.starts_with(&self.raw) || whole.folded.starts_with(&self.folded)
    }
}

impl Earlier {
    /// `told_before` says how many tellings there were: more than the texts that are known, perhaps.
    pub(super) fn of(texts: &[String], told_before: usize) -> Earlier {
        Earlier { openings: texts.iter().filter_map(|text| Opening::of(text)).collect(), told_before }
    }

    /// The first of `leads` that has not gone out, composed, from the one on whose turn it is; nothing when all are used.
    ///
    /// # Errors
    ///
    /// What `compose` says.
    pub(super) fn pick<E>(&self, leads: &[String], compose: impl Fn(&str) -> Result<Vec<String>, E>) -> Result<Option<Vec<String>>, E> {
        // A telling whose words are not known may have had any of them.
        if self.told_before >= leads.len() && self.told_before > self.openings.len() {
            return Ok(None);
        }
        let all: Vec<Opening> = leads.iter().filter_map(|lead| Opening::of(lead)).collect();
        let turn = self.told_before % leads.len().max(1);
        for lead in leads[turn..].iter().chain(&leads[..turn]) {
            if self.holds(lead, &all) {
                continue;
            }
            let pieces = compose(lead)?;
            // Two leads may begin alike, and be cut to the same.
            let opening = pieces.first().and_then(|text| Opening::of(text));
            if !opening.is_some_and(|opening| self.openings.iter().any(|earlier| earlier.says(&opening))) {
                return Ok(Some(pieces));
            }
        }
        Ok(None)
    }

    /// Whether a text that went out began with this lead, whole, or cut where no other lead is just what stands there.
    fn holds(&self, lead: &str, all: &[Opening]) -> bool {
        let Some(lead) = Opening::of(lead) else { return false };
        self.openings.iter().any(|earlier| earlier.says(&lead) || (earlier.begins(&lead) && !all.iter().any(|other| earlier.says(other))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(leads: &[&str], earlier: &[&str], told_before: usize) -> Option<String> {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let compose = |lead: &str| Ok::<_, ()>(vec![format!("{}\n\nlink", lead.chars().take(12).collect::<String>())]);
        let pieces = Earlier::of(&own(earlier), told_before).pick(&own(leads), compose).expect("composed")?;
        pieces[0].lines().next().map(str::to_owned)
    }

    #[test]
    fn no_words_are_told_twice() {
        let three = ["One.", "One. More.", "Two"];
        for (leads, earlier, told_before, expected) in [
            (&three[..], &[][..], 0, Some("One.")),
            (&three, &["One.\n\nT\nlink\n\n#tag"], 1, Some("One. More.")),
            (&three, &["ONE\n\nlink", "one more…\nlink"], 2, Some("Two")),
            (&three, &["Two", "One. More."], 2, Some("One.")),
            (&three, &["One.", "One. More.", "Two"], 3, None),
            // The author wrote other words meanwhile.
            (&["Four"], &["One.", "One. More.", "Two"], 3, Some("Four")),
            (&["Zero", "One."], &["One."], 1, Some("Zero")),
            // Cut then, whole now; and cut to the same.
            (&["A sentence that was cut"], &["A sentence…"], 1, None),
            (&["A sentence that was cut"], &["A sentence"], 1, None),
            (&["Beginning it here", "Beginning it there"], &["Beginning it…\n\nlink"], 1, None),
            (&["👍👍👍"], &["👍👍…"], 1, None),
            // Texts that are not known: the count decides.
            (&three, &[], 2, Some("Two")),
            (&three, &[], 3, None),
            (&three, &["", "…"], 3, None),
        ] {
            assert_eq!(picked(leads, earlier, told_before).as_deref(), expected, "{leads:?} {earlier:?} {told_before}");
        }
    }
}
