//! A case that leaves its work to another process is refused. A test of its own program, as a process has all children.

use std::collections::BTreeMap;
use std::process::{Child, Command};

use anyhow::Result;
use worker::heap::CountingAllocator;
use worker::protocol::{Ready, VERSION};
use worker::{CaseSetup, Prepared, serve};

/// A case whose work another process does.
struct Delegating(Child);

impl Prepared for Delegating {
    fn run(&mut self, _: u64) -> Result<()> {
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}

impl Drop for Delegating {
    fn drop(&mut self) {
        self.0.kill().expect("it still ran");
        self.0.wait().expect("it ended");
    }
}

#[test]
fn work_of_another_process_is_refused() {
    let ready = Ready {
        protocol: VERSION,
        case: "delegating".into(),
        variant: String::new(),
        seed: 1,
        input: String::new(),
        counted: 1,
    };
    let child = Command::new("sleep").arg("60").spawn().expect("it starts");
    let set_up = || Ok(CaseSetup { prepared: Box::new(Delegating(child)), ready, waits: false });
    let mut answers = Vec::new();
    let served =
        serve::serve(set_up, Default::default(), &CountingAllocator::new(), &b"slice 1\nend\n"[..], &mut answers);
    let refused = served.expect_err("a child is left").to_string();
    assert!(refused.contains("started another process"), "{refused}");
}
