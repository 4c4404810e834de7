//! Other memories of agents under the same harness.
