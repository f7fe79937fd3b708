//! Asking a language model one yes/no question a line, with the mission before it: what many agents do, and what this program
//! does not. It stands here so that `model bench` can measure against it, and nothing else uses it: no reading, no decision.
//!
//! The prompt is in the chat format that SmolLM2 was trained on (ChatML). Nothing is generated: the probability of "Yes"
//! against "No" is taken from the logits of the last token, which is the cheapest way to ask.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use crate::encoder::{EncodeError, load_model};
use crate::gguf::Checked;

/// Lines of one call when the prefix is shared.
const LINES_AT_ONCE: usize = 32;
/// Tokens that llama.cpp computes at once, at most; the rest of a call follows in further rounds.
const ROUND_TOKENS: u32 = 512;
/// Sequence 0 holds the shared prefix.
const PREFIX: i32 = 0;

/// A language model with a question that is the same for every line.
pub struct Asker {
    model: LlamaModel,
    threads: i32,
    /// The longest prompt that the model takes, in tokens.
    longest: usize,
    prefix: Vec<LlamaToken>,
    ending: Vec<LlamaToken>,
    yes: LlamaToken,
    no: LlamaToken,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The time of the calls of llama.cpp; splitting into tokens and making the context are outside of the clock.
    pub time: Duration,
    /// For each line the probability of "Yes" against "No".
    pub yes: Vec<f32>,
}

impl Asker {
    /// Loads a language model and prepares the question: would a reader notice if the line were done?
    ///
    /// # Errors
    /// [`EncodeError::Backend`] or [`EncodeError::Load`], also for a model without one token each for "Yes" and "No".
    pub fn load(file: &Checked, mission: &str, threads: usize) -> Result<Self, EncodeError> {
        let model = load_model(file)?;
        // Control tokens count only in our own words; the mission and the lines are text from outside.
        let words = |text: &str| model.vocab().tokenize(text.as_bytes(), false, false);
        let frame = |text: &str| model.vocab().tokenize(text.as_bytes(), false, true);
        let prefix = [
            frame("<|im_start|>system\n"),
            words(&format!("You judge the tasks of a publication. This is its mission:\n\n{}\n", mission.trim())),
            frame("<|im_end|>\n<|im_start|>user\n"),
            words("Would a reader, a subscriber or a stranger notice when this task is done? Answer only Yes or No.\nTask: "),
        ];
        let single = |word: &str| match words(word)[..] {
            [token] => Ok(token),
            _ => Err(EncodeError::Load(format!("it has no token for {word:?}"))),
        };
        Ok(Self {
            threads: i32::try_from(threads).unwrap_or(1).max(1),
            longest: file.header().context_length as usize,
            prefix: prefix.concat(),
            ending: frame("<|im_end|>\n<|im_start|>assistant\n"),
            yes: single("Yes")?,
            no: single("No")?,
            model,
        })
    }

    /// How many tokens stand before every line: the mission and the question.
    pub fn prefix_tokens(&self) -> usize {
        self.prefix.len()
    }

    /// Asks line by line: the whole prompt each time.
    ///
    /// # Errors
    /// [`EncodeError::Encode`].
    pub fn one_by_one(&self, lines: &[&str]) -> Result<Asked, EncodeError> {
        let suffixes = self.suffixes(lines)?;
        let most = self.prefix.len() + suffixes.iter().map(Vec::len).max().unwrap_or(0);
        let mut context = self.context(most, most, 1)?;
        let mut batch = LlamaBatch::new(most, 1);
        let mut asked = Asked { time: Duration::ZERO, yes: Vec::with_capacity(lines.len()) };
        for suffix in &suffixes {
            let from = Instant::now();
            context.clear_kv_cache();
            batch.clear();
            add(&mut batch, &self.prefix, 0, PREFIX, false)?;
            let last = add(&mut batch, suffix, self.prefix.len(), PREFIX, true)?;
            context.decode(&mut batch).map_err(failed)?;
            asked.yes.push(self.answer(&context, last));
            asked.time += from.elapsed();
        }
        Ok(asked)
    }

    /// Asks with the mission and the question computed once: their cache is copied to each line's sequence, and the lines'
    /// own tokens go through llama.cpp together.
    ///
    /// # Errors
    /// [`EncodeError::Encode`].
    pub fn shared(&self, lines: &[&str]) -> Result<Asked, EncodeError> {
        let suffixes = self.suffixes(lines)?;
        let calls: Vec<&[Vec<LlamaToken>]> = suffixes.chunks(LINES_AT_ONCE).collect();
        let most = calls.iter().map(|call| call.iter().map(Vec::len).sum()).max().unwrap_or(0);
        let size = most.max(self.prefix.len());
        let mut context = self.context(self.prefix.len() + most, size, LINES_AT_ONCE + 1)?;
        let mut batch = LlamaBatch::new(size, 1);
        let mut yes = Vec::with_capacity(lines.len());
        let from = Instant::now();
        add(&mut batch, &self.prefix, 0, PREFIX, false)?;
        context.decode(&mut batch).map_err(failed)?;
        for call in calls {
            batch.clear();
            let mut lasts = Vec::with_capacity(call.len());
            for (sequence, suffix) in (PREFIX + 1..).zip(call) {
                // What stood in this sequence before goes; the prefix is shared by reference, not computed again.
                context.clear_kv_cache_seq(u32::try_from(sequence).ok(), None, None).map_err(failed)?;
                context.copy_kv_cache_seq(PREFIX, sequence, None, None).map_err(failed)?;
                lasts.push(add(&mut batch, suffix, self.prefix.len(), sequence, true)?);
            }
            // Sequences that only a longer call before this one used.
            for sequence in call.len() + 1..=LINES_AT_ONCE {
                context.clear_kv_cache_seq(u32::try_from(sequence).ok(), None, None).map_err(failed)?;
            }
            context.decode(&mut batch).map_err(failed)?;
            yes.extend(lasts.into_iter().map(|last| self.answer(&context, last)));
        }
        Ok(Asked { time: from.elapsed(), yes })
    }

    /// The tokens behind the prefix, a line each.
    fn suffixes(&self, lines: &[&str]) -> Result<Vec<Vec<LlamaToken>>, EncodeError> {
        let suffix = |line: &&str| [self.model.vocab().tokenize(line.as_bytes(), false, false), self.ending.clone()].concat();
        let suffixes: Vec<_> = lines.iter().map(suffix).collect();
        match suffixes.iter().map(|suffix| self.prefix.len() + suffix.len()).max() {
            Some(most) if most > self.longest => {
                Err(EncodeError::Encode(format!("the prompt has {most} tokens, the model takes {}", self.longest)))
            }
            _ => Ok(suffixes),
        }
    }

    /// A context that holds `all` tokens, `once` of them in one call.
    fn context(&self, all: usize, once: usize, sequences: usize) -> Result<LlamaContext<'_>, EncodeError> {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(count(all)))
            .with_n_batch(count(once))
            .with_n_ubatch(count(once).min(ROUND_TOKENS))
            .with_n_seq_max(count(sequences))
            // Without it each sequence has only its share of the context.
            .with_kv_unified(true)
            .with_n_threads(self.threads)
            .with_n_threads_batch(self.threads);
        self.model.new_context(crate::encoder::backend()?, parameters).map_err(failed)
    }

    /// The probability of "Yes" against "No" behind the token at this place of the batch.
    fn answer(&self, context: &LlamaContext<'_>, at: i32) -> f32 {
        let logits = context.get_logits_ith(at);
        let logit = |token: LlamaToken| usize::try_from(token.0).ok().and_then(|at| logits.get(at)).copied().unwrap_or(f32::NEG_INFINITY);
        1.0 / (1.0 + (logit(self.no) - logit(self.yes)).exp())
    }
}

/// Adds tokens of a sequence from a position on; with `ask` the logits behind the last one are wanted. Returns its place in
/// the batch.
fn add(batch: &mut LlamaBatch<'_>, tokens: &[LlamaToken], from: usize, sequence: i32, ask: bool) -> Result<i32, EncodeError> {
    let from = i32::try_from(from).map_err(failed)?;
    for (at, token) in tokens.iter().enumerate() {
        let place = from + i32::try_from(at).map_err(failed)?;
        batch.add(*token, place, &[sequence], ask && at + 1 == tokens.len()).map_err(failed)?;
    }
    Ok(batch.n_tokens() - 1)
}

fn failed(error: impl std::fmt::Display) -> EncodeError {
    EncodeError::Encode(error.to_string())
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Asker").field("prefix", &self.prefix.len()).field("threads", &self.threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::check_file;
    use crate::gguf::fixture::tiny_llama;

    fn asker(mission: &str) -> Result<Asker, EncodeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        std::fs::write(&path, tiny_llama()).unwrap();
        Asker::load(&check_file(&path, None).unwrap(), mission, 1)
    }

    #[test]
    fn both_ways_of_asking_give_the_same_answers() {
        let asker = asker("A letter.").unwrap();
        // More than one call, of unequal lengths, so that a sequence is used again.
        let lines: Vec<String> = (0..LINES_AT_ONCE + 9).map(|at| format!("{at} {}", "word ".repeat(at % 7))).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (alone, shared) = (asker.one_by_one(&lines).unwrap(), asker.shared(&lines).unwrap());
        assert_eq!((alone.yes.len(), shared.yes.len()), (lines.len(), lines.len()));
        for ((a, b), line) in alone.yes.iter().zip(&shared.yes).zip(&lines) {
            assert!((a - b).abs() < 0.01 && (0.0..=1.0).contains(a), "{line}: {a} alone, {b} shared");
        }
        let spread = |yes: &[f32]| yes.iter().fold(0.0_f32, |most, value| most.max((value - yes[0]).abs()));
        assert!(spread(&alone.yes) > 0.05, "the answers do not depend on the line: {:?}", alone.yes);
    }

    #[test]
    fn control_tokens_in_a_line_are_only_words() {
        let asker = asker("A letter.").unwrap();
        let tokens = |line| asker.suffixes(&[line]).unwrap()[0].len();
        assert_eq!(tokens("<|im_end|>"), tokens("0123456789"));
    }

    #[test]
    fn a_prompt_that_is_too_long_and_no_lines_at_all() {
        let asker = asker(&"long ".repeat(100)).unwrap();
        for asked in [asker.one_by_one(&["a line"]), asker.shared(&["a line"])] {
            assert!(matches!(asked, Err(EncodeError::Encode(text)) if text.contains("the model takes 512")));
        }
        assert!(asker.one_by_one(&[]).unwrap().yes.is_empty() && asker.shared(&[]).unwrap().yes.is_empty());
    }
}
