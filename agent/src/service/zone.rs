//! The time zone of the machine's clock: what launchd and cron go by, whatever `TZ` says here.

use std::path::Path;

use chrono_tz::Tz;

/// The zone; none when nobody can tell.
pub(super) fn here() -> Option<Tz> {
    let local = Path::new("/etc/localtime");
    if !local.exists() {
        return Some(Tz::UTC); // as the C library has it
    }
    let link = std::fs::read_link(local).ok();
    let named = || std::fs::read_to_string("/etc/timezone").ok().and_then(|name| name.trim().parse().ok());
    link.and_then(|link| of_link(&link)).or_else(named)
}

/// The zone that a link into the time zone database names.
fn of_link(link: &Path) -> Option<Tz> {
    let (_, name) = link.to_str()?.rsplit_once("zoneinfo/")?;
    name.trim_start_matches("posix/").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_zones() {
        for (link, zone) in [
            ("/usr/share/zoneinfo/Europe/Berlin", Some(Tz::Europe__Berlin)),
            ("../usr/share/zoneinfo/posix/America/New_York", Some(Tz::America__New_York)),
            ("/var/db/timezone/zoneinfo/Etc/UTC", Some(Tz::Etc__UTC)),
            ("/usr/share/zoneinfo/Nowhere", None),
            ("/etc/elsewhere", None),
        ] {
            assert_eq!(of_link(Path::new(link)), zone, "{link}");
        }
    }
}
