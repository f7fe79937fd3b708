//! `model requantize`, and what `model pull` does of it by itself on an old processor.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use reveille_models::{
    CARRIED, Digest, Processor, Quantization, Requantization, Requantized, better_type, check_file, default_threads, requantized_path,
};

use super::{bar, locate};
use crate::commands::print;
use crate::failure::{OrFail, Outcome};
use crate::priority::give_way;

#[derive(Debug, Args)]
pub(crate) struct Requantize {
    /// A name of the catalogue or a file
    model: String,
    /// The type of the new file's numbers: q8_0 (eight bits) or q4_0 (four)
    #[arg(long, default_value = "q4_0", value_name = "TYPE")]
    to: Quantization,
    /// The new file [default: beside the model, x.gguf and x.q4_0.gguf]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over what is there
    #[arg(long)]
    force: bool,
    /// Say sizes and places, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Requantize {
    pub(super) fn run(self, cache: &Path) -> Outcome {
        if self.model == CARRIED {
            return Err(reveille_models::RequantizeError::Carried).or_fail();
        }
        let (path, expected) = locate(cache, &self.model)?;
        let planned = Requantization::plan(&path, expected, self.to, self.out, self.force).or_fail()?;
        print(&described(&planned))?;
        if self.dry_run {
            return print("nothing was written (--dry-run)\n");
        }
        print(&done(&carry_out(&planned)?))
    }
}

/// After a pull: writes the model anew if this processor wants it, and says what was done and why.
pub(super) fn after_pull(pulled: &Path, expected: Option<Digest>, processor: &Processor) -> Outcome {
    let checked = check_file(pulled, expected).or_fail()?;
    let weights = &checked.header().weights;
    let (Some(to), Some(kind)) = (better_type(processor, weights), weights.main_type()) else { return Ok(()) };
    print(&format!(
        "this processor has no AVX and reads {kind} about three times as slowly as {}: it is written anew (--as-is leaves it)\n",
        to.tensor_type()
    ))?;
    let there = requantized_path(pulled, to);
    if there.exists() {
        return print(&format!("{} is there already\n", there.display()));
    }
    let planned = Requantization::plan(pulled, expected, to, None, false).or_fail()?;
    print(&described(&planned))?;
    print(&done(&carry_out(&planned)?))
}

fn described(planned: &Requantization) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "from {}  {}, {:.1} MB\nto   {}  {}, about {:.1} MB ({:.0} MB free)\n",
        planned.from().path().display(),
        planned.kind(),
        megabytes(planned.from().header().size),
        planned.out().display(),
        planned.to().tensor_type(),
        megabytes(planned.estimate()),
        megabytes(planned.free()),
    )
}

fn done(written: &Requantized) -> String {
    let path = written.path.display();
    let heads = reveille_models::heads_path(&written.path);
    format!(
        "wrote {path}: {:.1} MB, sha256 {}\nto read with it, train heads for it: reveille model train --encoder {path} --out {}\n",
        written.size as f64 / 1e6,
        written.sha256,
        heads.display()
    )
}

fn carry_out(planned: &Requantization) -> Outcome<Requantized> {
    give_way();
    let from = Instant::now();
    let mut shown = ProgressBar::hidden();
    let written = planned.carry_out(default_threads(), &mut |written, all| {
        if shown.is_hidden() && from.elapsed() > Duration::from_secs(1) {
            shown = bar(all, "writing {bar:30} {bytes}/{total_bytes} {eta}");
        }
        shown.set_position(written);
    });
    shown.finish_and_clear();
    written.or_fail()
}
