//! Trains the carried reader's heads on `models/corpus` and writes them: what `reveille model train` does, without the program.
//! `--report` prints the table of variants too.
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use reveille_models::{Course, Figures, Recipe, check_file, write_heads};

#[expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of the developers")]
fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = check_file(&root.join("reader/reader-en.gguf"), None).unwrap();
    let start = Instant::now();
    let course = Course::prepare(&model, &root.join("corpus"), None, &mut |_, _| ControlFlow::Continue(())).unwrap();
    println!("encoded in {:.1?}", start.elapsed());
    let start = Instant::now();
    let trained = course.train(&Recipe::default());
    println!("trained and measured in {:.1?}, grey zone {:?}\n\n{}", start.elapsed(), trained.heads.grey_zone(), trained.report);
    write_heads(&trained.heads, &root.join("reader/reader-en.heads.jsonl")).unwrap();
    if std::env::args().any(|word| word == "--report") {
        println!("{}", Figures::TABLE_HEAD);
        for (name, mut report) in course.variants() {
            report.all.name = name;
            println!("{}", report.all);
        }
    }
}
