//! PROGRESS.md under a running wake: what the human writes meanwhile is never lost.

use std::time::{Duration, Instant};

use reveille_tests::{Home, Said};

#[test]
fn a_line_added_while_the_wake_runs_stays() {
    // Many lines to read make the wake last long enough for a human to save in between.
    let list: String = (0..400).map(|n| format!("- [ ] Refactor part {n} of the machine room\n")).collect();
    let home = Home::new(&list);
    let child = home.command(&["wake"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while !home.join("memory/reveille.db").exists() && started.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(2));
    }
    home.write("PROGRESS.md", format!("{list}- [ ] A line of mine\n"));
    let said = home.heard(Said::of(&child.wait_with_output().unwrap())).ok();
    let progress = home.read("PROGRESS.md");
    assert!(progress.starts_with(&format!("{list}- [ ] A line of mine\n")), "{said:?}");
    assert!(progress.contains("<!-- reveille -->"), "and the block is there");
}

#[test]
fn many_saves_against_many_wakes_lose_nothing() {
    let home = Home::new("# P\n");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 0..150 {
                // As an editor does it: read, change, write a new file, rename. It starts over when the file changed meanwhile,
                // as an editor asks to.
                loop {
                    let before = home.read("PROGRESS.md");
                    home.write("PROGRESS.new", before.replacen("# P\n", &format!("# P\n- [ ] line {number} for:nobody\n"), 1));
                    if home.read("PROGRESS.md") == before {
                        std::fs::rename(home.join("PROGRESS.new"), home.join("PROGRESS.md")).unwrap();
                        break;
                    }
                }
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        while !writer.is_finished() {
            let said = home.run(&["wake", "--no-model"]);
            assert_eq!(said.code, 0, "{said:?}");
        }
    });
    let progress = home.read("PROGRESS.md");
    let missing: Vec<u32> = (0..150).filter(|number| !progress.contains(&format!("- [ ] line {number} for:nobody\n"))).collect();
    assert!(missing.is_empty(), "lost {missing:?}");
}
