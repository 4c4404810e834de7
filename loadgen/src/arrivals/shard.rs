//! One of several load generators, which together send one schedule.
//!
//! Every generator draws the whole schedule and plays each `of`-th session of it, so that all together send exactly
//! what a single one would have sent, at the same times.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The variable in which an Indexed Job of Kubernetes tells each of its pods which one it is, from 0.
pub const COMPLETION_INDEX: &str = "JOB_COMPLETION_INDEX";

/// A part of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoadShard {
    /// From 1.
    pub number: u64,
    /// The number of shards.
    pub of: u64,
}

impl LoadShard {
    /// The only shard of a run on one machine.
    pub const WHOLE: LoadShard = LoadShard { number: 1, of: 1 };

    /// Reads `2/4`, or `auto/4` with the completion index of this process.
    pub fn parse(text: &str, completion_index: Option<&str>) -> Result<LoadShard, String> {
        const REMEDY: &str = "write NUMBER/OF, as in 2/4, or auto/4 in an Indexed Job";
        let (number, of) = text.split_once('/').ok_or(REMEDY)?;
        let of: u64 = of.parse().map_err(|_| REMEDY)?;
        let number = match (number, completion_index) {
            ("auto", None) => return Err(format!("{COMPLETION_INDEX} is not set: write NUMBER/OF, as in 2/4")),
            ("auto", Some(index)) => {
                let index: u64 = index.parse().map_err(|_| format!("{COMPLETION_INDEX} is {index:?}, not a number"))?;
                index + 1
            }
            (number, _) => number.parse().map_err(|_| REMEDY)?,
        };
        if (1..=of).contains(&number) {
            Ok(LoadShard { number, of })
        } else {
            Err(format!("there is no shard {number} of {of}: the first is 1/{of}"))
        }
    }

    /// The session with this place in the schedule is played by this shard.
    pub fn plays(self, index: u64) -> bool {
        index % self.of == self.number - 1
    }
}

impl fmt::Display for LoadShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_given_or_taken_from_the_job() {
        let shard = |number, of| Ok(LoadShard { number, of });
        assert_eq!(LoadShard::parse("2/4", None), shard(2, 4));
        assert_eq!(LoadShard::parse("2/4", Some("0")), shard(2, 4), "what was written counts");
        assert_eq!(LoadShard::parse("auto/4", Some("3")), shard(4, 4));
        for (text, index, told) in [
            ("5/4", None, "there is no shard 5 of 4"),
            ("0/4", None, "the first is 1/4"),
            ("auto/4", Some("4"), "there is no shard 5 of 4"),
            ("auto/4", Some("x"), "JOB_COMPLETION_INDEX is \"x\", not a number"),
            ("auto/4", None, "JOB_COMPLETION_INDEX is not set"),
            ("4", None, "write NUMBER/OF"),
            ("a/b", None, "write NUMBER/OF"),
        ] {
            let wrong = LoadShard::parse(text, index);
            assert!(wrong.as_ref().is_err_and(|error| error.contains(told)), "{text}: {wrong:?}");
        }
    }
}
