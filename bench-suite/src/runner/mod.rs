//! The child processes that measure, one kind a file, and what they leave behind.
//!
//! Every number of a run comes out of a process of its own: an allocator, a page cache or a lazy initialisation of one case can't bend another's.

pub mod artifacts;
pub mod callgrind_out;
pub mod counts;
pub mod effect;
pub mod hog;
pub mod home;
pub mod load;
pub mod owners;
pub mod profile;
pub mod relink;
pub mod slice;
pub mod times;
pub mod valgrind;
