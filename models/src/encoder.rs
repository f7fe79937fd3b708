//! The sentence encoder on llama.cpp: lines in, one vector a line out (the mean of its token vectors, not normalised).
//! Only a [`Checked`] file is loaded, memory is sized to the lines at hand, and no lines means no call.

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

use crate::crowding::Watch;
use crate::gguf::Checked;

/// Tokens of one call, unless one line alone has more. Tokens of all lines meet under a mask, so work and memory grow with the
/// square of a call's tokens: 100 lines take as long in calls of 64 as of 256 tokens, and half the memory.
const BATCH_TOKENS: usize = 64;
/// Lines of one call.
const BATCH_LINES: usize = 32;
/// The longest line in tokens, whatever the model could take: a task is a line.
const LONGEST_TOKENS: usize = 512;
/// The longest line in characters, cut before it is split into tokens.
const LONGEST_CHARACTERS: usize = 4_096;

/// Why lines could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// llama.cpp does not start.
    #[error("llama.cpp does not start: {0}")]
    Backend(String),
    /// llama.cpp does not take the model.
    #[error("llama.cpp does not take the model: {0}")]
    Load(String),
    /// The call failed, usually for want of memory.
    #[error("llama.cpp could not encode the lines: {0}")]
    Encode(String),
}

impl EncodeError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Backend(_) => "run with --no-model, and report this as a defect".to_owned(),
            Self::Load(_) => "run `reveille model check`; the model may be of a kind that this llama.cpp does not know".to_owned(),
            Self::Encode(_) => "is there enough free memory? Else run with --no-model".to_owned(),
        })
    }
}

/// A loaded model.
pub struct Encoder {
    model: LlamaModel,
    threads: u32,
    longest: usize,
    /// An encoder such as BERT sees a line in both directions; a decoder needs its cache emptied between calls.
    decodes: bool,
}

/// llama.cpp's global state; it can be started only once in a process.
pub(crate) fn backend() -> Result<&'static LlamaBackend, EncodeError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let started = BACKEND.get_or_init(|| {
        let mut backend = LlamaBackend::init().map_err(|error| error.to_string())?;
        backend.void_logs();
        Ok(backend)
    });
    started.as_ref().map_err(|error| EncodeError::Backend(error.clone()))
}

/// Gives a checked file to llama.cpp, memory-mapped.
pub(crate) fn load_model(file: &Checked) -> Result<LlamaModel, EncodeError> {
    let parameters = LlamaModelParams::default().with_use_mmap(true).with_n_gpu_layers(0);
    LlamaModel::load_from_file(backend()?, file.path(), &parameters).map_err(|error| EncodeError::Load(error.to_string()))
}

/// How many threads suit reading: as many as there are cores, at most 2, for ggml's threads wait for each other spinning.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(2)
}

impl Encoder {
    /// Loads a model whose file was checked, memory-mapped.
    ///
    /// # Errors
    /// [`EncodeError::Backend`] or [`EncodeError::Load`].
    pub fn load(file: &Checked, threads: usize) -> Result<Self, EncodeError> {
        let model = load_model(file)?;
        let longest = LONGEST_TOKENS.min(file.header().context_length as usize);
        let threads = u32::try_from(threads.clamp(1, 64)).unwrap_or(1);
        Ok(Self { model, threads, longest, decodes: !file.header().architecture.contains("bert") })
    }

    /// The length of a vector.
    pub fn width(&self) -> usize {
        usize::try_from(self.model.n_embd()).unwrap_or(0)
    }

    /// One vector a line, in the order of the lines. After each call `after` sees the vectors so far and may end the work; it
    /// ends before a call that takes more tokens than are `left`, from which each call takes its own. Then the vectors so far are
    /// returned.
    ///
    /// # Errors
    /// [`EncodeError::Encode`].
    pub fn encode(
        &self,
        lines: &[&str],
        left: &mut usize,
        after: &mut dyn FnMut(&[Vec<f32>]) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f32>>, EncodeError> {
        let mut vectors = Vec::with_capacity(lines.len());
        let lines: Vec<Vec<LlamaToken>> = lines.iter().map(|line| self.tokens(line)).collect();
        let calls = pack(&lines);
        if lines.is_empty() || calls.first().is_none_or(|call| tokens_of(call) > *left) {
            return Ok(vectors);
        }
        let most = largest(&calls);
        let mut threads = self.threads;
        let mut context = self.context(most, threads)?;
        let mut batch = LlamaBatch::new(most.tokens, 1);
        for call in calls {
            let Some(rest) = left.checked_sub(tokens_of(call)) else { break };
            *left = rest;
            // The log of a wake counts what was begun, so that a reading that was cut off can be told from one that was kept.
            tracing::debug!(lines = call.len(), tokens = tokens_of(call), "encoding");
            let watch = Watch::start();
            self.run(&mut context, &mut batch, call, &mut vectors).map_err(|error| EncodeError::Encode(error.to_string()))?;
            if after(&vectors).is_break() {
                break;
            }
            if watch.crowded(threads) {
                tracing::debug!(threads, "other programs want the cores: going on with one thread");
                threads = 1;
                context = self.context(most, threads)?;
            }
        }
        Ok(vectors)
    }

    /// The time of the bare calls of llama.cpp for these lines: the floor under [`Encoder::encode`]. Splitting into tokens,
    /// making the context and averaging are outside of the clock. `in_one_call` puts all tokens into one call (at most 256
    /// lines), else calls are packed as `encode` packs them.
    ///
    /// # Errors
    /// [`EncodeError::Encode`].
    pub fn bare(&self, lines: &[&str], in_one_call: bool) -> Result<Duration, EncodeError> {
        let lines: Vec<Vec<LlamaToken>> = lines.iter().map(|line| self.tokens(line)).collect();
        let calls = if in_one_call { vec![lines.as_slice()] } else { pack(&lines) };
        let most = largest(&calls);
        let mut context = self.context(most, self.threads)?;
        let mut batch = LlamaBatch::new(most.tokens, 1);
        let mut spent = Duration::ZERO;
        for call in calls {
            fill(&mut batch, call).map_err(|error| EncodeError::Encode(error.to_string()))?;
            let from = Instant::now();
            self.call(&mut context, &mut batch).map_err(|error| EncodeError::Encode(error.to_string()))?;
            spent += from.elapsed();
        }
        Ok(spent)
    }

    fn tokens(&self, line: &str) -> Vec<LlamaToken> {
        let end = line.char_indices().nth(LONGEST_CHARACTERS).map_or(line.len(), |(at, _)| at);
        let mut tokens = self.model.vocab().tokenize(line.get(..end).unwrap_or_default().as_bytes(), true, false);
        if tokens.len() > self.longest {
            // The last token closes a line for an encoder; it stays the last.
            let last = tokens.last().copied();
            tokens.truncate(self.longest.saturating_sub(1));
            tokens.extend(last);
        }
        tokens
    }

    fn context(&self, most: Call, threads: u32) -> Result<LlamaContext<'_>, EncodeError> {
        let tokens = u32::try_from(most.tokens).unwrap_or(u32::MAX);
        let threads = i32::try_from(threads).unwrap_or(1);
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(tokens))
            .with_n_batch(tokens)
            .with_n_ubatch(tokens)
            .with_n_seq_max(u32::try_from(most.lines).unwrap_or(1))
            .with_kv_unified(true)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_embeddings(true)
            // llama.cpp's own mean pooling trips an assertion with many lines in a call.
            .with_pooling_type(LlamaPoolingType::None);
        self.model.new_context(backend()?, parameters).map_err(|error| EncodeError::Encode(error.to_string()))
    }

    /// One call of llama.cpp.
    fn call(&self, context: &mut LlamaContext<'_>, batch: &mut LlamaBatch<'_>) -> Result<(), llama_cpp_2::LlamaCppError> {
        match (batch.n_tokens(), self.decodes) {
            (0, _) => {}
            (_, true) => {
                context.clear_kv_cache();
                context.decode(batch)?;
            }
            (_, false) => context.encode(batch)?,
        }
        Ok(())
    }

    fn run(
        &self,
        context: &mut LlamaContext<'_>,
        batch: &mut LlamaBatch<'_>,
        call: &[Vec<LlamaToken>],
        vectors: &mut Vec<Vec<f32>>,
    ) -> Result<(), llama_cpp_2::LlamaCppError> {
        fill(batch, call)?;
        self.call(context, batch)?;
        let mut token = 0_i32..;
        for tokens in call {
            let mut mean = vec![0.0_f32; self.width()];
            for at in token.by_ref().take(tokens.len()) {
                mean.iter_mut().zip(context.embeddings_ith(at)?).for_each(|(sum, value)| *sum += value);
            }
            #[expect(clippy::cast_precision_loss, reason = "a line has at most 512 tokens")]
            let tokens = tokens.len().max(1) as f32;
            mean.iter_mut().for_each(|sum| *sum /= tokens);
            vectors.push(mean);
        }
        Ok(())
    }
}

/// Puts the tokens of some lines into a batch, a line a sequence.
fn fill(batch: &mut LlamaBatch<'_>, call: &[Vec<LlamaToken>]) -> Result<(), llama_cpp_2::LlamaCppError> {
    batch.clear();
    for (line, tokens) in (0_i32..).zip(call) {
        for (position, token) in (0_i32..).zip(tokens) {
            batch.add(*token, position, &[line], true)?;
        }
    }
    Ok(())
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Encoder").field("width", &self.width()).field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// The size of a call.
#[derive(Debug, Clone, Copy)]
struct Call {
    tokens: usize,
    lines: usize,
}

/// How many tokens a call has.
fn tokens_of<T>(call: &[Vec<T>]) -> usize {
    call.iter().map(Vec::len).sum()
}

/// What holds every one of these calls.
fn largest<T>(calls: &[&[Vec<T>]]) -> Call {
    let tokens = calls.iter().map(|call| tokens_of(call)).max().unwrap_or(1).max(1);
    Call { tokens, lines: calls.iter().map(|call| call.len()).max().unwrap_or(1) }
}

/// Splits the lines, in their order, into calls that keep both bounds. Nothing is padded, so sorting them would gain nothing.
fn pack<T>(lines: &[Vec<T>]) -> Vec<&[Vec<T>]> {
    let mut calls = Vec::new();
    let (mut from, mut tokens) = (0, 0);
    for (at, line) in lines.iter().enumerate() {
        if at > from && (tokens + line.len() > BATCH_TOKENS || at - from == BATCH_LINES) {
            calls.push(lines.get(from..at).unwrap_or_default());
            (from, tokens) = (at, 0);
        }
        tokens += line.len();
    }
    calls.push(lines.get(from..).unwrap_or_default());
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_keep_order_and_bounds() {
        for lengths in [vec![1], vec![0, 0], vec![5; 100], vec![512, 3, 512], vec![60, 4, 1, 64, 63], vec![1; 200]] {
            let lines: Vec<Vec<usize>> = lengths.iter().enumerate().map(|(at, length)| vec![at; *length]).collect();
            let calls = pack(&lines);
            assert_eq!(calls.concat(), lines);
            for call in &calls {
                let tokens: usize = call.iter().map(Vec::len).sum();
                assert!(!call.is_empty() && call.len() <= BATCH_LINES && (tokens <= BATCH_TOKENS || call.len() == 1), "{lengths:?}");
            }
            assert!(largest(&calls).tokens >= 1);
        }
    }
}
