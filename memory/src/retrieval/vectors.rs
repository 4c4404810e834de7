//! The vectors of an index, in as few bytes as give back the same bits.
//!
//! A vector of hashed words is made of whole numbers that are divided by their length. Such a vector is kept as the
//! numbers, a byte each, and the length. All others are kept as they are.

use super::code::Code;
use crate::embedding::dot;

#[derive(Debug)]
pub(super) enum Vector {
    Floats(Box<[f32]>),
    /// Whole numbers and their length.
    Divided(Box<[i8]>, f32),
}

impl Vector {
    /// The vector with that code, which is what it is made of if nothing was rounded.
    pub fn coded(vector: &[f32], code: &Code) -> Option<Vector> {
        let numbers: Vec<f32> = code.numbers.iter().map(|number| f32::from(*number)).collect();
        let length = dot(&numbers, &numbers).sqrt();
        let same = |(number, value): (&f32, &f32)| (number / length).to_bits() == value.to_bits();
        numbers.iter().zip(vector).all(same).then(|| Vector::Divided(code.numbers.as_slice().into(), length))
    }

    /// The numbers, made in `space` if need be.
    pub fn read<'v>(&'v self, space: &'v mut Vec<f32>) -> &'v [f32] {
        match self {
            Vector::Floats(values) => values,
            Vector::Divided(numbers, length) => {
                space.clear();
                space.extend(numbers.iter().map(|number| f32::from(*number) / length));
                space
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedder, FeatureHashing};

    #[test]
    fn every_bit_comes_back() {
        let mut vector = Vec::new();
        let long: String = (0..70).map(|word| format!("w{} ", word % 40 * (word % 3))).collect();
        for text in ["a", "fix the parser that the parser needs", &long] {
            FeatureHashing::default().embed(text, &mut vector);
            let kept = Vector::coded(&vector, &Code::of(&vector).unwrap()).expect("whole numbers over their length");
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(kept.read(&mut Vec::new())), bits(&vector), "{text}");
        }
        for vector in [&[0.6f32, 0.81][..], &[0.5, 0.5], &[-0.0, 1.0], &[0.0, 0.0]] {
            assert!(Vector::coded(vector, &Code::of(vector).unwrap()).is_none(), "{vector:?} is made otherwise");
        }
    }
}
