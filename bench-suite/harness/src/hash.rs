//! Short hashes, for names of cached files and for records.

/// The hash of a text or of a file's content, as 16 hexadecimal digits.
pub fn hash(content: impl AsRef<[u8]>) -> String {
    format!("{:016x}", memory::hash::fnv1a(content.as_ref()))
}
