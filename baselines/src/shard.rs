//! Shards: the parts of one gate, each measured on a machine of its own and judged together ([`crate::merge`]).
//!
//! Everything here follows from the two revisions alone, so that machines that know nothing of each other divide the
//! cases alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::environment::Difference;
use crate::hash::fnv1a;

/// What is recorded of a session whose sides have one layout each, so that their times only advise.
pub const LAYOUTS: &str = "layouts";

/// Which of how many shards, as in `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardNumber {
    /// Its number, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl FromStr for ShardNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<ShardNumber, String> {
        let part = || {
            let (number, of) = text.split_once('/')?;
            let part = ShardNumber { number: number.parse().ok()?, of: of.parse().ok()? };
            (1..=part.of).contains(&part.number).then_some(part)
        };
        part().ok_or_else(|| format!("`{text}` is no shard: give 1/3, 2/3 or 3/3 for the parts of three"))
    }
}

impl fmt::Display for ShardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// One part of a gate, as its run records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number, from 1.
    pub number: usize,
    /// The number of shards.
    pub of: usize,
    /// The source of both sides, the base's first: the commit, and a hash of the files.
    pub sides: [String; 2],
    /// The base, for people.
    pub against: String,
    /// The policy, as text.
    pub policy: String,
    /// The arguments that decide what is measured.
    pub plan: String,
    /// A hash of all cases, with the shard of each.
    pub division: String,
    /// How many metrics the other shards judge in rounds, at most.
    pub elsewhere: usize,
    /// How much of the base the selection leaves, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Notes for the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The differences of the two sides for which nothing was compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// The shard of each case, from 1: each by itself, the heaviest first, goes to the shard that has the least to do. A
/// case without a weight has the median of those that have one. Cases of one weight are dealt in the order of a hash of
/// their names, since names that lie beside each other are often of one kind.
pub fn divide(cases: &[(String, Option<u64>)], of: usize) -> Vec<usize> {
    let mut known: Vec<u64> = cases.iter().filter_map(|(_, weight)| *weight).collect();
    known.sort_unstable();
    let median = known.get(known.len() / 2).copied().unwrap_or(1);
    let weight = |index: usize| cases[index].1.unwrap_or(median).max(1);
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(weight(index)), fnv1a(cases[index].0.as_bytes()), &cases[index].0));
    let mut loads = vec![0_u64; of.max(1)];
    let mut shards = vec![0; cases.len()];
    for index in order {
        let least = (0..loads.len()).min_by_key(|&shard| loads[shard]).unwrap_or(0);
        loads[least] = loads[least].saturating_add(weight(index));
        shards[index] = least + 1;
    }
    shards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(weights: &[Option<u64>]) -> Vec<(String, Option<u64>)> {
        weights.iter().enumerate().map(|(number, weight)| (format!("case/{number}"), *weight)).collect()
    }

    #[test]
    fn a_shard_is_a_number_of_a_number() {
        assert_eq!("2/3".parse(), Ok(ShardNumber { number: 2, of: 3 }));
        assert_eq!(ShardNumber { number: 2, of: 3 }.to_string(), "2/3");
        for wrong in ["", "3", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/3/5"] {
            let refused = wrong.parse::<ShardNumber>().expect_err(wrong);
            assert!(refused.contains("give 1/3"), "{refused}");
        }
    }

    #[test]
    fn every_case_is_in_one_shard_whatever_the_order_of_the_list() {
        let all = cases(&[None; 23]);
        let shards = divide(&all, 4);
        let size = |number| shards.iter().filter(|shard| **shard == number).count();
        assert_eq!([1, 2, 3, 4].map(size), [6, 6, 6, 5], "without weights they are of one size");
        let mut turned = all.clone();
        turned.reverse();
        let mut again = divide(&turned, 4);
        again.reverse();
        assert_eq!(again, shards, "the order in which a machine lists them is none of it");
        assert_ne!(shards, (0..23).map(|number| number % 4 + 1).collect::<Vec<_>>(), "neighbours are spread");
        assert_eq!(divide(&cases(&[None; 2]), 5).iter().max(), Some(&2), "there are fewer cases than shards");
    }

    #[test]
    fn shards_weigh_alike() {
        let all = cases(&[Some(900), Some(100), Some(200), Some(300), Some(300), None]);
        let shards = divide(&all, 2);
        let load = |number| {
            let own = all.iter().zip(&shards).filter(|(_, shard)| **shard == number);
            own.map(|((_, weight), _)| weight.unwrap_or(300)).sum::<u64>()
        };
        assert_eq!([load(1).max(load(2)), load(1).min(load(2))], [1100, 1000]);
        assert_eq!(divide(&[], 2), Vec::<usize>::new());
    }
}
