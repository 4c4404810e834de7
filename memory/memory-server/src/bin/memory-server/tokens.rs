//! Who may ask: bearer tokens from a file.
//!
//! A line is a token, or a tenant's name, a blank and a token that is good for this tenant alone. Empty lines and those
//! that begin with `#` do not count. A token is compared with every line in a time that does not depend on where they
//! differ. The file is read when the server starts.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// The shortest token that is taken.
const SHORTEST: usize = 16;

/// The tokens of a server.
pub struct Tokens {
    lines: Vec<(Option<String>, String)>,
}

impl Tokens {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Tokens> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading the tokens in {}", path.display()))?;
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (tenant, token) = match line.split_once(char::is_whitespace) {
                Some((tenant, token)) => (Some(tenant.to_owned()), token.trim().to_owned()),
                None => (None, line.to_owned()),
            };
            if token.len() < SHORTEST {
                bail!("{}:{number}: a token of {} bytes: take at least {SHORTEST}", path.display(), token.len());
            }
            if lines.iter().any(|(_, known)| *known == token) {
                bail!("{}:{number}: the token of an earlier line: give each line its own", path.display());
            }
            lines.push((tenant, token));
        }
        if lines.is_empty() {
            bail!("{} has no token: write one a line", path.display());
        }
        Ok(Tokens { lines })
    }

    /// The tenants that are named.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|(tenant, _)| tenant.as_deref())
    }

    /// The tenant that the token is bound to, if any; `None` for an unknown token.
    pub fn find(&self, token: &str) -> Option<Option<&str>> {
        let mut found = None;
        for (tenant, known) in &self.lines {
            if same(known.as_bytes(), token.as_bytes()) {
                found = Some(tenant.as_deref());
            }
        }
        found
    }
}

/// Compares two tokens, every byte of them.
fn same(known: &[u8], given: &[u8]) -> bool {
    let mut differences = u8::from(known.len() != given.len());
    for (place, byte) in known.iter().enumerate() {
        differences |= std::hint::black_box(byte ^ given.get(place).copied().unwrap_or(0));
    }
    differences == 0
}
