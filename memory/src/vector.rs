//! Vectors that are kept, in as few bytes as give back the same bits.
//!
//! A vector of hashed words is made of whole numbers that are divided by their length, and most of them are 0. Such a
//! vector is kept as its other numbers, two bytes each, and the length. All other vectors are kept as they are.

/// A vector that is kept.
#[derive(Debug)]
pub(crate) enum Vector {
    Floats(Box<[f32]>),
    /// Whole numbers over their length.
    Whole {
        numbers: Box<[Number]>,
        dimensions: u32,
        length: f32,
    },
}

/// A whole number, and how many zeros are before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    zeros: u8,
    value: i8,
}

impl Vector {
    pub fn of(values: &[f32]) -> Vector {
        Vector::whole(values).unwrap_or_else(|| Vector::Floats(values.into()))
    }

    /// The vector as whole numbers, if these give back every bit.
    fn whole(values: &[f32]) -> Option<Vector> {
        let mut others = Vec::with_capacity(64);
        for (place, value) in values.iter().enumerate() {
            if value.to_bits() != 0 {
                others.push((place, *value));
            }
        }
        let smallest = others.iter().fold(f32::INFINITY, |smallest, (_, value)| smallest.min(value.abs()));
        let (mut numbers, mut next, mut squares) = (Vec::with_capacity(others.len()), 0, 0.0f32);
        for (place, value) in &others {
            // The smallest is 1, as a rule. What is no number becomes 0, which is seen below.
            let number = i8::try_from((value / smallest + f32::copysign(0.5, *value)) as i32).ok()?;
            squares += f32::from(number) * f32::from(number);
            let mut zeros = place - next;
            while zeros > usize::from(u8::MAX) {
                numbers.push(Number { zeros: u8::MAX, value: 0 });
                zeros -= usize::from(u8::MAX) + 1;
            }
            numbers.push(Number { zeros: zeros as u8, value: number });
            next = place + 1;
        }
        let length = squares.sqrt();
        let kept = numbers.iter().filter(|number| number.value != 0).map(|number| f32::from(number.value) / length);
        let mut given = others.iter().map(|(_, value)| value.to_bits());
        let same = kept.map(f32::to_bits).all(|bits| given.next() == Some(bits)) && given.next().is_none();
        let dimensions = u32::try_from(values.len()).ok()?;
        same.then(|| Vector::Whole { numbers: numbers.into(), dimensions, length })
    }

    /// The numbers, made in `space` if need be.
    pub fn read<'v>(&'v self, space: &'v mut Vec<f32>) -> &'v [f32] {
        match self {
            Vector::Floats(values) => values,
            Vector::Whole { numbers, dimensions, length } => {
                space.clear();
                space.resize(*dimensions as usize, 0.0);
                let mut rest = &mut space[..];
                for Number { zeros, value } in numbers {
                    let (this, behind) =
                        rest[usize::from(*zeros)..].split_first_mut().expect("a number is a dimension");
                    *this = f32::from(*value) / length;
                    rest = behind;
                }
                space
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedder, FeatureHashing};

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn every_bit_comes_back_and_texts_take_two_bytes_for_each_word_and_pair() {
        let long: String = (0..70).map(|word| format!("w{} ", word % 40 * (word % 3))).collect();
        for (text, most) in [("", 0), ("a", 1), ("fix the parser that the parser needs", 12), (&long, 139)] {
            for dimensions in [1, 256, 3_000] {
                let mut vector = Vec::new();
                FeatureHashing::new(dimensions).embed(text, &mut vector);
                let kept = Vector::of(&vector);
                let Vector::Whole { numbers, .. } = &kept else { panic!("{text}: whole numbers over their length") };
                assert!(numbers.len() <= most + dimensions / 256, "{text}: {} numbers", numbers.len());
                assert_eq!(bits(kept.read(&mut vec![7.0])), bits(&vector), "{text}");
            }
        }
        assert_eq!((size_of::<Number>(), size_of::<Vector>()), (2, 24));
    }

    #[test]
    fn what_is_made_otherwise_is_kept_as_it_is() {
        let far = [&[1.0; 1][..], &[0.0; 700], &[1e-3]].concat();
        for vector in [&[0.6f32, 0.81][..], &[0.5, 0.5], &[-0.0, 1.0], &[f32::NAN, 1.0], &[f32::INFINITY], &far, &[]] {
            let kept = Vector::of(vector);
            assert!(matches!(kept, Vector::Floats(_)) || vector.is_empty(), "{vector:?}");
            assert_eq!(bits(kept.read(&mut Vec::new())), bits(vector));
        }
    }
}
