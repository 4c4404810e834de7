//! A libSQL server with a link in front of it: what a benchmark of a memory at a distance runs on.
//!
//! Every memory that is measured gets a server of its own with an empty database, because ids are drawn from one seed. A benchmark is set up near and
//! measured far: filling a database over a distance would take longer than everything else. Left out on purpose: who is measured, and how often.

use anyhow::Result;
use memory::Remote;

use crate::benchmark::Prepared;
use crate::cases::Case;
use crate::input::Input;
use crate::link::{Counts, Distance, Link};
use crate::runner::slice;
use crate::sqld::{self, Sqld};

/// A server and the link to it. Both end when this is dropped.
pub struct Site {
    link: Link, // ends first: it holds connections to the server
    _sqld: Sqld,
}

/// Why nothing remote can be measured, with what to type; `None` where it can.
pub fn missing() -> Option<String> {
    sqld::find().err()
}

impl Site {
    /// Starts a server with an empty database, and a link to it without any distance.
    ///
    /// # Errors
    /// There is no server program (see [`missing`]), or it does not start.
    pub fn start() -> Result<Site> {
        let sqld = Sqld::start(sqld::find().map_err(anyhow::Error::msg)?)?;
        let link = Link::start(sqld.address(), Distance::milliseconds(0))?;
        Ok(Site { link, _sqld: sqld })
    }

    /// The database, as a memory is told of it.
    pub fn remote(&self) -> Remote {
        Remote { url: self.link.url(), token: String::new() }
    }

    /// Moves the server away, or back.
    pub fn move_to(&self, distance: Distance) {
        self.link.move_to(distance);
    }

    /// What the link has carried so far.
    pub fn carried(&self) -> Counts {
        self.link.counts()
    }

    /// Sets a case up on the server, near, and runs its operations once: [`slice::prepare`].
    ///
    /// # Errors
    /// As [`slice::prepare`].
    pub fn prepare(&self, case: &Case, input: &Input) -> Result<(Box<dyn Prepared>, u64)> {
        self.move_to(Distance::milliseconds(0));
        slice::prepare_at(case, input, Some(&self.remote()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use crate::input::Source;

    /// Without a server it says so and checks nothing.
    #[test]
    fn a_case_is_set_up_near_and_measured_far() {
        if let Some(why) = missing() {
            eprintln!("skipped: {why}");
            return;
        }
        let case = cases::find("episode_get_libsql", &[]).expect("listed");
        let input = Source::default().load(2).expect("generated");
        let site = Site::start().expect("starts");
        let (mut prepared, _) = site.prepare(&case, &input).expect("set up");
        let before = prepared.counters();
        site.move_to(Distance::milliseconds(15));
        let slice = slice::measure(prepared.as_mut(), 2).expect("runs");
        prepared.check().expect("right answers");
        assert!(slice.wall_ns >= 2 * 15_000_000, "two round trips of 15 ms take 30 ms, not {} ns", slice.wall_ns);
        let after = prepared.counters();
        assert!(after["remote_round_trips"] >= before["remote_round_trips"] + 2);
        assert!(site.carried().bytes_up > 0);
    }
}
