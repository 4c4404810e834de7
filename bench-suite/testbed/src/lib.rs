//! A database server, and a link to it that is slow or breaks: the other end of what is remote. Their CPU time belongs
//! to no case.
//!
//! [`sqld`] starts the server, [`link`] puts distance and faults in front of it, [`site`] is both together, for
//! benchmarks.
//!
//! What can fail returns [`anyhow::Result`]: the message names the thing, the reason and the remedy, and no caller
//! decides by the kind of error.

pub mod link;
pub mod site;
pub mod sqld;
