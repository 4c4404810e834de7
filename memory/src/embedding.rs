//! Embeddings: texts as vectors of unit length, so that a dot product is the cosine of their angle.
//!
//! The default embedder needs no model and no network, and gives the same bits on every machine. It finds texts that
//! share words, not meanings. A real model can be used through the same trait.

use std::fmt::Debug;
use std::hash::Hasher;

use crate::hash::Fnv1a;

/// Turns texts into vectors.
pub trait Embedder: Debug + Send + Sync {
    /// The length of its vectors.
    fn dimensions(&self) -> usize;

    /// Replaces the contents of `out` by the vector of `text`: [`Embedder::dimensions`] numbers, of unit length, or all
    /// zero for a text without words.
    fn embed(&self, text: &str, out: &mut Vec<f32>);
}

/// Signed feature hashing of words and of pairs of neighbouring words.
///
/// A word is a run of letters and digits, in lower case. Each word and each pair adds +1 or -1 to one dimension; a hash
/// of its text chooses the dimension and the sign, so that collisions cancel out on average. The sum is scaled to unit
/// length.
///
/// Source: Weinberger, Dasgupta, Langford, Smola and Attenberg, "Feature hashing for large scale multitask learning"
/// (ICML 2009).
///
/// ```
/// use memory::embedding::{Embedder, FeatureHashing, dot};
///
/// let (mut one, mut same, mut other) = (Vec::new(), Vec::new(), Vec::new());
/// let embedder = FeatureHashing::default();
/// embedder.embed("Fix the parser", &mut one);
/// embedder.embed("fix: the parser!", &mut same);
/// embedder.embed("draw a chart", &mut other);
/// assert_eq!(one, same);
/// assert!(dot(&one, &other) < 0.5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureHashing {
    dimensions: usize,
}

/// The default length of vectors.
pub const DEFAULT_DIMENSIONS: usize = 256;

impl Default for FeatureHashing {
    fn default() -> FeatureHashing {
        FeatureHashing { dimensions: DEFAULT_DIMENSIONS }
    }
}

impl FeatureHashing {
    /// Vectors of that length, at least one.
    pub fn new(dimensions: usize) -> FeatureHashing {
        FeatureHashing { dimensions: dimensions.max(1) }
    }
}

impl Embedder for FeatureHashing {
    fn dimensions(&self) -> usize {
        self.dimensions
    }

    #[inline(never)]
    fn embed(&self, text: &str, out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.dimensions, 0.0);
        let mut previous: Option<Fnv1a> = None; // the word before, hashed
        let mut rest = text;
        while let Some(begin) = rest.find(char::is_alphanumeric) {
            rest = &rest[begin..];
            let (word, behind) = rest.split_at(rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()));
            rest = behind;
            let mut single = Fnv1a::default();
            // A pair is hashed as its words with a blank between them: no word holds one.
            let mut pair = previous.map(|mut hasher| {
                hasher.write(b" ");
                hasher
            });
            lower_case(word, |bytes| {
                single.write(bytes);
                if let Some(pair) = &mut pair {
                    pair.write(bytes);
                }
            });
            add_feature(single.finish(), out);
            if let Some(pair) = pair {
                add_feature(pair.finish(), out);
            }
            previous = Some(single);
        }
        normalise(out);
    }
}

/// Passes the bytes of `word` in lower case to `write`, without an allocation.
#[inline]
fn lower_case(word: &str, mut write: impl FnMut(&[u8])) {
    if word.is_ascii() {
        word.bytes().for_each(|byte| write(&[byte.to_ascii_lowercase()]));
        return;
    }
    for letter in word.chars().flat_map(char::to_lowercase) {
        write(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Adds a feature to the dimension that its hash chooses.
#[inline]
fn add_feature(hash: u64, out: &mut [f32]) {
    let mixed = mix(hash);
    let dimension = ((mixed >> 1) % out.len() as u64) as usize;
    out[dimension] += if mixed & 1 == 0 { 1.0 } else { -1.0 };
}

/// Spreads a hash over all its bits, which FNV does not do for short words: the last steps of splitmix64 (Stafford's
/// variant 13).
#[inline]
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// Scales a vector to unit length; zero stays zero.
fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

/// The sums that a dot product keeps side by side: four registers of four numbers, so that an addition need not wait
/// for the one before.
const LANES: usize = 16;

/// The dot product: the cosine, if both are of unit length. The excess of the longer vector is ignored.
///
/// The sums run side by side, in a fixed order, so that the compiler may use vector instructions and every machine gets
/// the same bits.
#[inline(never)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let (a, a_rest) = a[..len].as_chunks::<LANES>();
    let (b, b_rest) = b[..len].as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    // By halves, which vector instructions can do, too.
    let mut lanes = LANES;
    while lanes > 1 {
        lanes /= 2;
        for lane in 0..lanes {
            sums[lane] += sums[lane + lanes];
        }
    }
    sums[0]
}

/// Appends the bytes of a vector: 32-bit floats, little-endian, as in libSQL's `F32_BLOB`.
pub(crate) fn to_le_bytes(vector: &[f32], out: &mut Vec<u8>) {
    out.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
}

/// The vector of these bytes; `None` where their number is no multiple of 4.
pub(crate) fn from_le_bytes(bytes: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn embed(text: &str) -> Vec<f32> {
        let mut out = vec![7.0]; // what is there is replaced
        FeatureHashing::default().embed(text, &mut out);
        out
    }

    #[test]
    fn vectors_have_unit_length_or_none() {
        for text in ["a", "fix the parser", "\u{dc}ber 3 M\u{fc}hlen", &"word ".repeat(1000)] {
            let vector = embed(text);
            assert_eq!(vector.len(), DEFAULT_DIMENSIONS);
            assert!((dot(&vector, &vector) - 1.0).abs() < 1e-5, "{text}");
        }
        for text in ["", " \n!? --"] {
            assert_eq!(embed(text), [0.0; DEFAULT_DIMENSIONS], "{text:?}");
        }
    }

    #[test]
    fn a_word_is_one_dimension() {
        let vector = embed("parser");
        assert_eq!(vector.iter().filter(|value| value.abs() == 1.0).count(), 1);
    }

    #[test]
    fn case_and_punctuation_do_not_matter_and_order_does_a_little() {
        assert_eq!(embed("Fix THE \u{c4}rger"), embed("fix...the, (\u{e4}rger)"));
        let (forward, backward) = (embed("fix the parser"), embed("parser the fix"));
        assert_ne!(forward, backward);
        assert!(dot(&forward, &backward) > 0.3, "the words are shared");
    }

    #[test]
    fn texts_that_share_more_are_nearer() {
        let query = embed("fix the failing parser test");
        let near = dot(&query, &embed("fix the broken parser test"));
        let far = dot(&query, &embed("deploy the web server"));
        assert!(near > far + 0.2, "{near} against {far}");
    }

    #[test]
    fn features_spread_over_dimensions_and_signs() {
        let mut out = vec![0.0; DEFAULT_DIMENSIONS];
        let mut touched = vec![0u32; DEFAULT_DIMENSIONS];
        let mut positive = 0;
        for number in 0..25_600 {
            let mut single = vec![0.0; DEFAULT_DIMENSIONS];
            add_feature(crate::hash::fnv1a(format!("w{number}").as_bytes()), &mut single);
            let dimension = single.iter().position(|&value| value != 0.0).unwrap();
            touched[dimension] += 1;
            positive += u32::from(single[dimension] > 0.0);
            out[dimension] += single[dimension];
        }
        // 100 a dimension and half of them positive, within 6 standard deviations
        assert!(touched.iter().all(|&count| (40..=160).contains(&count)), "{touched:?}");
        assert!((12_320..=13_280).contains(&positive), "{positive}");
    }

    /// The dot product by one multiplication and one addition at a time: the sums one after the other, then by halves.
    fn scalar_dot(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0.0f32; LANES];
        for (lane, sum) in sums.iter_mut().enumerate() {
            for place in (lane..a.len().min(b.len())).step_by(LANES) {
                *sum = std::hint::black_box(*sum + a[place] * b[place]);
            }
        }
        let (mut sums, mut lanes) = (sums.to_vec(), LANES);
        while lanes > 1 {
            lanes /= 2;
            sums = (0..lanes).map(|lane| std::hint::black_box(sums[lane] + sums[lane + lanes])).collect();
        }
        sums[0]
    }

    proptest! {
        #[test]
        fn the_dot_product_has_the_bits_of_scalar_code_and_is_that_of_plain_sums(
            pairs in proptest::collection::vec((-1.0f32..1.0, -1.0f32..1.0), 0..600),
            more in proptest::collection::vec(-1.0f32..1.0, 0..3),
        ) {
            let (mut a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            a.extend(&more); // is ignored
            prop_assert_eq!(dot(&a, &b).to_bits(), scalar_dot(&a, &b).to_bits());
            let plain: f64 = pairs.iter().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-4);
        }
    }

    #[test]
    fn the_bits_come_back() {
        let vector = [0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::MAX, -1e-40];
        let mut bytes = Vec::new();
        to_le_bytes(&vector, &mut bytes);
        assert_eq!(bytes[8..12], [0, 0, 0xc0, 0x3f]);
        let back = from_le_bytes(&bytes).unwrap();
        assert!(back.iter().zip(vector).all(|(back, value)| back.to_bits() == value.to_bits()));
        assert_eq!(from_le_bytes(&bytes[1..]), None);
        assert_eq!(from_le_bytes(&[]), Some(vec![]));
    }
}
