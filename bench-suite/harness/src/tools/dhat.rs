//! Reads DHAT's profile: the heap blocks allocated below a function. The format is in valgrind's sources
//! (`dhat/dh_main.c`, version 2).

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Blocks and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocations {
    /// Blocks; a resized block is not a new one.
    pub blocks: u64,
    /// Bytes.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(rename = "dhatFileVersion")]
    version: u32,
    pps: Vec<ProgramPoint>,
    ftbl: Vec<String>,
}

#[derive(Deserialize)]
struct ProgramPoint {
    tb: u64,
    tbk: u64,
    fs: Vec<usize>,
}

/// The allocations below the function whose symbol contains `root`.
pub fn parse(text: &[u8], root: &str) -> Result<Allocations> {
    let profile: Profile = serde_json::from_slice(text).context("not a DHAT profile")?;
    ensure!(profile.version == 2, "DHAT wrote version {} of its format: this assay reads 2", profile.version);
    let below: Vec<bool> = profile.ftbl.iter().map(|frame| frame.contains(root)).collect();
    let measured = |point: &&ProgramPoint| point.fs.iter().any(|frame| below.get(*frame) == Some(&true));
    Ok(profile.pps.iter().filter(measured).fold(Allocations::default(), |sum, point| Allocations {
        blocks: sum.blocks + point.tbk,
        bytes: sum.bytes + point.tb,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_below_the_measured_function_are_summed() {
        let text = br#"{"dhatFileVersion":2,"mode":"heap","pps":[
            {"tb":100,"tbk":2,"tl":9,"fs":[1,2,3]},{"tb":7,"tbk":1,"fs":[1,3]},{"tb":30,"tbk":3,"fs":[4,2]}],
            "ftbl":["[root]","0x1: malloc (vg_replace_malloc.c:381)","0x2: worker::slice::run_measured (in /p)","0x3: main","0x4: f"]}"#;
        assert_eq!(parse(text, "slice::run_measured").expect("parses"), Allocations { blocks: 5, bytes: 130 });
        assert_eq!(parse(text, "nothing").expect("parses"), Allocations::default());
        assert!(parse(br#"{"dhatFileVersion":3,"pps":[],"ftbl":[]}"#, "x").is_err());
        assert!(parse(b"{}", "x").is_err());
    }
}
