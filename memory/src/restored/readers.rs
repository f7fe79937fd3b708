//! What readers did themselves by the site, and a later memory knows: who confirmed, what they chose, where their links lead.
//!
//! Must stay true: who has left by either memory is not brought back by the other; of two words of a reader the later one counts;
//! nothing of a reader is taken over whose leaving came after it.

use rusqlite::Connection;

use crate::subscribers::forget;

/// Who left there, or was taken off, after all that is known of them here.
const GONE: &str = "
    SELECT x.subscriber FROM later.suppressed x WHERE x.why IN ('left', 'removed') AND NOT EXISTS (
        SELECT 1 FROM subscribers s WHERE s.id = x.subscriber AND coalesce(s.confirmed_at, s.asked_at) > x.at)";

/// That they have not left since, in SQL.
fn stayed(who: &str, since: &str) -> String {
    format!("NOT EXISTS (SELECT 1 FROM suppressed AS x WHERE x.subscriber = {who} AND x.why IN ('left', 'removed') AND x.at >= {since})")
}

/// The steps, behind what is suppressed.
fn steps() -> String {
    let [asked, signed, chose, ended, answered] = [
        ("l.id", "coalesce(l.confirmed_at, l.asked_at)"),
        ("l.subscriber", "l.at"),
        ("l.subscriber", "l.changed_at"),
        ("l.subscriber", "l.at"),
        ("l.subscriber", "l.at"),
    ]
    .map(|(who, since)| stayed(who, since));
    format!(
        "INSERT INTO subscribers SELECT * FROM later.subscribers AS l WHERE {asked}
            ON CONFLICT (id) DO UPDATE SET email = excluded.email, state = excluded.state, tier = excluded.tier, via = excluded.via,
                asked_at = excluded.asked_at, confirmed_at = excluded.confirmed_at, is_person = excluded.is_person
            WHERE excluded.asked_at >= asked_at AND (state = 'pending' OR excluded.confirmed_at >= confirmed_at)
               OR state = 'pending' AND excluded.state = 'confirmed';
        INSERT OR IGNORE INTO signs SELECT * FROM later.signs AS l WHERE {signed};
        INSERT INTO preferences SELECT * FROM later.preferences AS l WHERE {chose}
            ON CONFLICT (subscriber) DO UPDATE SET frequency = excluded.frequency, paused_until = excluded.paused_until,
                topics = excluded.topics, changed_at = excluded.changed_at
            WHERE excluded.changed_at > changed_at;
        INSERT OR IGNORE INTO sunsets SELECT * FROM later.sunsets AS l WHERE {ended}
            AND NOT EXISTS (SELECT 1 FROM signs AS s WHERE s.subscriber = l.subscriber AND s.at > l.at);
        INSERT INTO wanted_mails (subscriber, email, kind, network, wanted_at, done_at)
            SELECT l.subscriber, l.email, l.kind, l.network, l.wanted_at, l.done_at FROM later.wanted_mails AS l
            WHERE (l.done_at IS NOT NULL OR l.subscriber IN (SELECT id FROM subscribers)) AND NOT EXISTS (
                SELECT 1 FROM wanted_mails AS w WHERE w.subscriber = l.subscriber AND w.kind = l.kind AND w.wanted_at = l.wanted_at);
        UPDATE wanted_mails SET done_at = l.done_at, email = '' FROM later.wanted_mails AS l
            WHERE wanted_mails.done_at IS NULL AND l.done_at IS NOT NULL
              AND wanted_mails.subscriber = l.subscriber AND wanted_mails.kind = l.kind AND wanted_mails.wanted_at = l.wanted_at;
        INSERT OR IGNORE INTO letter_links SELECT * FROM later.letter_links;
        INSERT OR IGNORE INTO surveys SELECT * FROM later.surveys;
        INSERT INTO survey_answers SELECT m.number, l.subscriber, l.choices, l.at FROM later.survey_answers AS l
            JOIN later.surveys AS t ON t.number = l.survey JOIN surveys AS m ON m.name = t.name AND m.asks = t.asks WHERE {answered}
            ON CONFLICT (survey, subscriber) DO UPDATE SET choices = excluded.choices, at = excluded.at WHERE excluded.at > at;
        INSERT INTO funnel SELECT * FROM later.funnel WHERE true
            ON CONFLICT (day, source, step) DO UPDATE SET people = max(people, excluded.people);"
    )
}

/// Forgets who has left there, and takes over what readers did. How many are readers now who were none.
pub(super) fn take(conn: &Connection) -> rusqlite::Result<u64> {
    let gone = conn.prepare(GONE)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    gone.iter().try_for_each(|id| forget(conn, id))?;
    let readers = || {
        let confirmed = "SELECT count(*) FROM subscribers WHERE state = 'confirmed'";
        conn.query_row(confirmed, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    let before = readers()?;
    conn.execute_batch(&steps())?;
    Ok(readers()?.saturating_sub(before))
}
