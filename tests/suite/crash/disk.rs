//! A disk that is really full, and one that can really only be read: a small file system in memory, mounted for this test alone.
//! Where that is not allowed, the failing library of `matrix` is all there is, and the test says so.

use std::process::Command;

use reveille_tests::{Home, Said, program};

use super::matrix::refused;

/// Mounts a file system of 4 MB over the home in a mount namespace of its own, fills it, wakes, frees it, wakes; makes it read-only,
/// wakes, makes it writable, wakes. Each wake leaves its code and words in `$OUT`.
const SCRIPT: &str = r#"
set -eu
mount -t tmpfs -o size=4m tmpfs "$ROOM"
cp -a "$REVEILLE_TEST_HOME/." "$ROOM/"
wake() {
    set +e
    REVEILLE_NOW="$2" "$PROGRAM" --home "$ROOM" wake --no-model >"$OUT/$1.out" 2>"$OUT/$1.err"
    echo $? >"$OUT/$1.code"
    set -e
    cp "$ROOM/PROGRESS.md" "$OUT/$1.md"
}
wake first 2026-11-20T10:00:00Z
printf '%s\n' '- [ ] Publish "Notes from Zero"' >>"$ROOM/PROGRESS.md"
cp "$DRAFT" "$ROOM/drafts/zero.md"
dd if=/dev/zero of="$ROOM/filler" bs=4k 2>/dev/null || true
wake full 2026-11-20T12:00:00Z
rm "$ROOM/filler"
wake freed 2026-11-20T14:00:00Z
printf '%s\n' '- [ ] Something else for:nobody' >>"$ROOM/PROGRESS.md"
mount -o remount,ro "$ROOM"
wake readonly 2026-11-20T16:00:00Z
mount -o remount,rw "$ROOM"
wake writable 2026-11-20T18:00:00Z
cp "$ROOM/memory/reveille.db" "$OUT/reveille.db"
"#;

fn mounts_are_allowed() -> bool {
    let tried = Command::new("unshare").args(["-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[test]
#[expect(clippy::print_stdout, reason = "what is not tried is said")]
fn a_full_disk_stops_a_wake_and_the_next_goes_on() {
    if !mounts_are_allowed() {
        println!("no mount is allowed here: only the failing library was tried");
        return;
    }
    let home = Home::new("# P\n\n- [ ] Tidy up for:nobody\n");
    home.write("drafts/.keep", "");
    let other = tempfile::tempdir().unwrap();
    let (room, out, draft) = (other.path().join("room"), other.path().join("out"), other.path().join("zero.md"));
    std::fs::create_dir_all(&room).unwrap();
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(&draft, "---\ntitle: Notes from Zero\nsummary: What an empty room teaches.\nready: true\n---\n\nEmpty.\n").unwrap();
    let mut script = home.command(&[]);
    let environment: Vec<_> = script.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    script = Command::new("unshare");
    script.env_clear().envs(environment).args(["-m", "sh", "-c", SCRIPT]);
    script.env("ROOM", &room).env("OUT", &out).env("DRAFT", &draft).env("PROGRAM", program()).env("REVEILLE_TEST_HOME", home.path());
    let ran = script.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let text = |name: &str| std::fs::read_to_string(out.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let said = |wake: &str| Said {
        code: text(&format!("{wake}.code")).trim().parse().unwrap(),
        stdout: text(&format!("{wake}.out")),
        stderr: text(&format!("{wake}.err")),
    };
    for well in ["first", "freed", "writable"] {
        let _ = said(well).ok();
    }
    let root = room.to_string_lossy();
    refused(&said("full"), &root, "full");
    refused(&said("readonly"), &root, "read-only");
    assert!(said("full").stderr.contains("free some"), "{:?}", said("full"));
    // A line added to the end stands behind the block.
    let (before, after) = (text("first.md"), text("full.md"));
    assert_eq!(after, format!("{before}- [ ] Publish \"Notes from Zero\"\n"), "a full disk leaves the file as it was");
    assert!(text("freed.md").contains("- [x] Publish \"Notes from Zero\" — "), "{}", text("freed.md"));
    assert_eq!(text("readonly.md"), format!("{}- [ ] Something else for:nobody\n", text("freed.md")));
    let database = rusqlite::Connection::open(out.join("reveille.db")).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}
