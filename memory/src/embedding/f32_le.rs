//! Vectors as bytes: 32-bit floats, little-endian, one behind the other, as libSQL's `F32_BLOB` has them too.

/// Appends the bytes of a vector: 4 for each number.
pub(crate) fn encode(vector: &[f32], out: &mut Vec<u8>) {
    out.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
}

/// The vector of these bytes; `None` where they are no whole numbers.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_come_back() {
        let vector = [0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::MAX, -1e-40];
        let mut bytes = Vec::new();
        encode(&vector, &mut bytes);
        assert_eq!(bytes[8..12], [0, 0, 0xc0, 0x3f]);
        let back = decode(&bytes).unwrap();
        assert!(back.iter().zip(vector).all(|(back, value)| back.to_bits() == value.to_bits()));
        assert_eq!(decode(&bytes[1..]), None);
        assert_eq!(decode(&[]), Some(vec![]));
    }
}
