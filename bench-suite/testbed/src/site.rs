//! A libSQL server with a link in front of it, for benchmarks of a remote memory.
//!
//! A local sqld serves an empty database ([`crate::sqld`]), unless `LIBSQL_URL` names a server and `LIBSQL_AUTH_TOKEN`
//! its token: its database is used as it is, and what was written stays in it. A link forwards bytes to an address, so
//! a TLS server, which must be asked by its name, gets no link and keeps its real distance.
//!
//! A benchmark is set up without distance and measured with it: filling a remote database would take longer than
//! everything else.

use std::net::ToSocketAddrs;

use anyhow::{Context, Result};
use memory::Remote;
use worker::Prepared;
use workloads::cases::Case;
use workloads::input::Input;
use workloads::suite;

use crate::link::{Distance, Link};
use crate::sqld::{self, Sqld};

/// The variables that name a server and its token.
const URL_VARIABLE: &str = "LIBSQL_URL";
const TOKEN_VARIABLE: &str = "LIBSQL_AUTH_TOKEN";

/// A server and the link to it. Dropping it ends the link, and the server if it was started here.
pub struct Site {
    remote: Remote,
    link: Option<Link>, // dropped first: it has connections to the server
    _sqld: Option<Sqld>,
}

/// The reason why nothing remote can be measured, with the remedy; `None` if it can.
pub fn missing() -> Option<String> {
    from_environment().is_none().then(missing_own).flatten()
}

/// The reason why no local server can be started, with the remedy; `None` if it can.
pub fn missing_own() -> Option<String> {
    sqld::find().err()
}

/// The server that the environment names.
fn from_environment() -> Option<Remote> {
    let url = std::env::var(URL_VARIABLE).ok()?;
    Some(Remote { url, token: std::env::var(TOKEN_VARIABLE).unwrap_or_default() })
}

impl Site {
    /// Starts a server with an empty database, or uses the one that the environment names, and a link without distance.
    pub fn start() -> Result<Site> {
        match from_environment() {
            Some(remote) => Site::of(remote),
            None => Site::own(),
        }
    }

    /// Starts a server with an empty database, whatever the environment names, and a link without distance.
    pub fn own() -> Result<Site> {
        let sqld = Sqld::start(sqld::find().map_err(anyhow::Error::msg)?)?;
        let link = Link::start(sqld.address(), Distance::milliseconds(0))?;
        let remote = Remote { url: link.url(), token: String::new() };
        Ok(Site { remote, link: Some(link), _sqld: Some(sqld) })
    }

    /// Uses a running server.
    fn of(remote: Remote) -> Result<Site> {
        let Some(host) = remote.url.strip_prefix("http://").map(|host| host.trim_end_matches('/')) else {
            return Ok(Site { remote, link: None, _sqld: None });
        };
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let mut addresses = address.to_socket_addrs().with_context(|| format!("{URL_VARIABLE}={}", remote.url))?;
        let upstream = addresses.next().with_context(|| format!("{URL_VARIABLE}={}: no such host", remote.url))?;
        let link = Link::start(upstream, Distance::milliseconds(0))?;
        let remote = Remote { url: link.url(), token: remote.token };
        Ok(Site { remote, link: Some(link), _sqld: None })
    }

    /// The database, as an option of a memory.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The possible distances: the link's presets, or its real one without a link.
    pub fn distances(&self) -> &'static [(&'static str, Distance)] {
        const OWN: [(&str, Distance); 1] = [("its own", Distance::milliseconds(0))];
        if self.link.is_some() { &Distance::PRESETS } else { &OWN }
    }

    /// Sets the distance of the server. Without a link it does not change.
    pub fn move_to(&self, distance: Distance) {
        if let Some(link) = &self.link {
            link.move_to(distance);
        }
    }

    /// Sets up a case on the server without distance, and runs its operations once: [`suite::prepare`].
    pub fn prepare(&self, case: &Case, input: &Input) -> Result<Box<dyn Prepared>> {
        self.move_to(Distance::milliseconds(0));
        suite::prepare(case, input, Some(&self.remote()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker::slice;
    use workloads::cases;
    use workloads::input::Source;

    #[test]
    fn a_plain_server_is_reached_over_the_link_and_one_of_tls_by_its_name() {
        let of = |url: &str| Site::of(Remote { url: url.to_owned(), token: "secret".to_owned() });
        let plain = of("http://127.0.0.1:9/").expect("nothing is sent yet");
        let link = plain.link.as_ref().expect("bytes can be carried");
        assert_eq!((plain.remote().url, plain.remote().token.as_str()), (link.url(), "secret"));
        assert_eq!(plain.distances().len(), 4);
        let tls = of("libsql://database.example").expect("nothing is looked up");
        assert_eq!((tls.remote().url.as_str(), tls.link.is_none()), ("libsql://database.example", true));
        assert_eq!(tls.distances().len(), 1);
        assert!(of("http://127.0.0.1:port").is_err());
    }

    /// Without a server it prints that it is skipped.
    #[test]
    fn a_case_is_set_up_near_and_measured_far() {
        if let Some(why) = missing() {
            eprintln!("skipped: {why}");
            return;
        }
        let case = cases::find("episode_get_libsql", &[]).expect("listed");
        let input = Source::default().load(2).expect("generated");
        let site = Site::start().expect("starts");
        let mut prepared = site.prepare(&case, &input).expect("set up");
        let before = prepared.counters();
        site.move_to(Distance::milliseconds(15));
        let slice = slice::measure(prepared.as_mut(), 2).expect("runs");
        prepared.check().expect("right answers");
        assert!(slice.wall_ns >= 2 * 15_000_000, "two round trips of 15 ms take 30 ms, not {} ns", slice.wall_ns);
        let after = prepared.counters();
        assert!(after["remote_round_trips"] >= before["remote_round_trips"] + 2);
        assert!(site.link.as_ref().is_none_or(|link| link.counts().bytes_up > 0));
    }
}
