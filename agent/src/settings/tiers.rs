//! `[tiers]`: the tiers of readers, besides `free` and `paid`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[tiers]`: name = { paying = true or false }
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Tier>")]
pub(crate) struct Tiers(reveille_mission::Tiers);

/// A tier.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    /// Whether readers in it pay.
    paying: bool,
}

impl TryFrom<BTreeMap<String, Tier>> for Tiers {
    type Error = &'static str;

    fn try_from(tiers: BTreeMap<String, Tier>) -> Result<Self, Self::Error> {
        if tiers.iter().any(|(name, tier)| tier.paying && reveille_mission::tier_name(name) == reveille_mission::FREE) {
            return Err("`free` is who does not pay: name the tier otherwise");
        }
        Ok(Self(reveille_mission::Tiers::new(tiers.into_iter().map(|(name, tier)| (name, tier.paying)))))
    }
}

impl Tiers {
    /// As values.
    pub(crate) fn all(&self) -> &reveille_mission::Tiers {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;

    #[test]
    fn tiers_are_named_and_say_who_pays() {
        let parse = |rest: &str| Settings::parse(&format!("name = \"N\"\nurl = \"https://n.example\"\nowner = \"o@n.example\"\n{rest}"));
        let settings = parse("[tiers]\npatron = { paying = true }\nguest = { paying = false }\n").expect("valid");
        let pays = ["patron", "guest", "paid", "free", "gold"].map(|tier| settings.tiers.all().pays(tier));
        assert_eq!(pays, [true, false, true, false, false]);
        assert!(parse("").expect("valid").tiers.all().pays("paid"));
        for wrong in ["[tiers]\nfree = { paying = true }\n", "[tiers]\npatron = { pays = true }\n", "[tiers]\npatron = true\n"] {
            let said = parse(wrong).expect_err("refused");
            assert_eq!(said.len(), 1, "{said:?}");
        }
    }
}
