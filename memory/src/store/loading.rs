//! Decoding of all completed episodes for an index: of each head only what an index needs, and many side by side on all
//! processors.
//!
//! The rows of a store come one after the other. Some thousand are copied, then decoded together, and shown in the
//! order in which they came, so that an index is the same on every machine.

use std::panic::resume_unwind;
use std::thread;

use super::VisitLocated;
use crate::{Encoding, EpisodeId, Result, TaskContext};

/// Rows that are decoded together, and the fewest that are worth a thread.
const TOGETHER: usize = 4_096;
const WORTH_A_THREAD: usize = 512;

type Decoded = (EpisodeId, TaskContext, Vec<f32>);

pub(super) struct Loader<'l, 'v> {
    encoding: &'l Encoding,
    visit: &'l mut VisitLocated<'v>,
    /// Heads and embeddings in turns.
    bytes: Vec<u8>,
    /// Where each head and each embedding ends.
    ends: Vec<[usize; 2]>,
    /// The rows that were shown.
    pub shown: u64,
}

impl<'l, 'v> Loader<'l, 'v> {
    pub fn new(encoding: &'l Encoding, visit: &'l mut VisitLocated<'v>) -> Loader<'l, 'v> {
        Loader { encoding, visit, bytes: Vec::new(), ends: Vec::new(), shown: 0 }
    }

    /// Takes a stored head and embedding. They are shown when some thousand are there, or by [`Loader::finish`].
    pub fn add(&mut self, head: &[u8], embedding: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(head);
        let head_end = self.bytes.len();
        self.bytes.extend_from_slice(embedding);
        self.ends.push([head_end, self.bytes.len()]);
        if self.ends.len() == TOGETHER {
            self.show(thread::available_parallelism().map_or(1, usize::from))
        } else {
            Ok(())
        }
    }

    /// Shows the rest; the number of all that were shown.
    pub fn finish(mut self) -> Result<u64> {
        self.show(thread::available_parallelism().map_or(1, usize::from))?;
        Ok(self.shown)
    }

    fn show(&mut self, processors: usize) -> Result<()> {
        let (encoding, bytes) = (self.encoding, &self.bytes);
        let begins = std::iter::once(0).chain(self.ends.iter().map(|[_, end]| *end));
        let rows: Vec<[&[u8]; 2]> =
            begins.zip(&self.ends).map(|(begin, [head, end])| [&bytes[begin..*head], &bytes[*head..*end]]).collect();
        let decode = move |[head, embedding]: &[&[u8]; 2]| -> Result<Decoded> {
            let (id, context) = encoding.decode_located(head)?;
            Ok((id, context, encoding.decode_vector(embedding)?))
        };
        let all = move |rows: &[[&[u8]; 2]]| rows.iter().map(decode).collect::<Result<Vec<Decoded>>>();
        let threads = (rows.len() / WORTH_A_THREAD).clamp(1, processors);
        let part = rows.len().div_ceil(threads).max(1);
        let (here, elsewhere) = rows.split_at(part.min(rows.len()));
        let decoded: Vec<Result<Vec<Decoded>>> = thread::scope(|scope| {
            let others: Vec<_> = elsewhere.chunks(part).map(|rows| scope.spawn(move || all(rows))).collect();
            let first = all(here);
            let join =
                |other: thread::ScopedJoinHandle<'_, _>| other.join().unwrap_or_else(|panic| resume_unwind(panic));
            std::iter::once(first).chain(others.into_iter().map(join)).collect()
        });
        for part in decoded {
            for (id, context, embedding) in part? {
                (self.visit)(id, &context, &embedding);
                self.shown += 1;
            }
        }
        self.bytes.clear();
        self.ends.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Codec, Compression, Counters, Error, Head, StartEpisode};

    fn head(number: usize) -> Head {
        let context = TaskContext { domain: format!("d{}", number % 7), ..TaskContext::default() };
        Head::new(EpisodeId(number as u128), 0, StartEpisode { context, ..StartEpisode::default() })
    }

    #[test]
    fn all_rows_are_shown_in_their_order_by_however_many_processors() {
        let encoding = Encoding::new(Codec::Postcard, Compression::None, Arc::new(Counters::default()));
        for (rows, processors) in [(0, 2), (1, 2), (WORTH_A_THREAD * 2 + 1, 2), (TOGETHER - 1, 3), (TOGETHER - 1, 1)] {
            let mut shown = Vec::new();
            let mut visit = |id: EpisodeId, context: &TaskContext, embedding: &[f32]| {
                shown.push((id, context.clone(), embedding.to_vec()));
            };
            let mut loader = Loader::new(&encoding, &mut visit);
            for number in 0..rows {
                let embedding = encoding.encode_vector(&[number as f32, 1.0]).expect("encodes");
                loader.add(&encoding.encode(&head(number)).expect("encodes"), &embedding).expect("decodes");
            }
            loader.show(processors).expect("decodes");
            assert_eq!(loader.shown, rows as u64);
            for (number, (id, context, embedding)) in shown.iter().enumerate() {
                let expected = head(number);
                assert_eq!((*id, context, &embedding[..]), (expected.id, &expected.context, &[number as f32, 1.0][..]));
            }
            assert_eq!(shown.len(), rows, "{processors} processors");
        }
    }

    #[test]
    fn a_damaged_row_is_an_error_wherever_it_is() {
        let encoding = Encoding::new(Codec::Json, Compression::None, Arc::new(Counters::default()));
        let (stored, vector) =
            (encoding.encode(&head(1)).expect("encodes"), encoding.encode_vector(&[1.0]).expect("encodes"));
        for damaged in [0, WORTH_A_THREAD + 3, 3 * WORTH_A_THREAD - 1] {
            let mut visit = |_: EpisodeId, _: &TaskContext, _: &[f32]| {};
            let mut loader = Loader::new(&encoding, &mut visit);
            for number in 0..3 * WORTH_A_THREAD {
                let head = if number == damaged { &stored[..5] } else { &stored[..] };
                loader.add(head, &vector).expect("not yet");
            }
            assert!(matches!(loader.finish(), Err(Error::Decode { .. })), "{damaged}");
        }
    }
}
