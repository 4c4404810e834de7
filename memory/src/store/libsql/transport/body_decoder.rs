//! Wire `compressed`: the answers of a database server, decoded as they come.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// Decodes a gzip body as it comes.
pub(super) struct BodyDecoder(GzDecoder<Vec<u8>>);

impl BodyDecoder {
    pub(super) fn new() -> BodyDecoder {
        BodyDecoder(GzDecoder::new(Vec::new()))
    }

    /// Takes the next coded bytes, and returns what can be decoded so far.
    pub(super) fn push(&mut self, packed: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(packed)?;
        self.0.flush()?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// The rest of the body, if it is neither cut off nor damaged.
    pub(super) fn finish(&mut self) -> io::Result<Vec<u8>> {
        self.0.try_finish()?;
        Ok(std::mem::take(self.0.get_mut()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_unpacked_in_whatever_pieces_it_comes() {
        let plain = "a line of the answer\n".repeat(500).into_bytes();
        let packed = packed(&plain);
        for piece in [1, 7, 64, packed.len()] {
            let mut decoder = BodyDecoder::new();
            let mut unpacked = Vec::new();
            for bytes in packed.chunks(piece) {
                unpacked.extend(decoder.push(bytes).unwrap());
            }
            unpacked.extend(decoder.finish().unwrap());
            assert_eq!(unpacked, plain, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_body_that_is_cut_or_bent_is_an_error() {
        let packed = packed(b"the whole body, and nothing but the body");
        let mut decoder = BodyDecoder::new();
        assert!(decoder.push(&packed[..packed.len() - 4]).and_then(|_| decoder.finish()).is_err(), "cut");
        let mut bent = packed.clone();
        bent[packed.len() - 6] ^= 1; // of the checksum
        let mut decoder = BodyDecoder::new();
        assert!(decoder.push(&bent).and_then(|_| decoder.finish()).is_err(), "bent");
        assert!(BodyDecoder::new().push(b"{\"plain\": true}").is_err(), "never packed");
    }
}
