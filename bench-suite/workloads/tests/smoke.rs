//! Every case of a plain run works: it is set up, run twice and checked, and its toggles engage. A measurement would
//! find the same errors much later.

use worker::slice;
use workloads::cases::LISTED;
use workloads::input::Source;
use workloads::suite;

fn run(prefix: &str) {
    let mut ran = 0;
    for listed in LISTED.iter().filter(|listed| listed.id.starts_with(prefix)) {
        let case = listed.resolve(&[]).expect("the list is sound");
        let input = Source::default().load(case.benchmark.episodes).expect("episodes are generated");
        let mut prepared =
            suite::prepare(&case, &input, None).unwrap_or_else(|error| panic!("{}: {error:#}", case.label()));
        let slice = slice::measure(prepared.as_mut(), case.benchmark.operations)
            .unwrap_or_else(|error| panic!("{}: {error:#}", case.label()));
        prepared.check().unwrap_or_else(|error| panic!("{}: {error:#}", case.label()));
        assert!(slice.wall_ns > 0, "{}: the clock did not move", case.label());
        ran += 1;
    }
    assert!(ran > 0, "no case begins with {prefix}");
}

macro_rules! families {
    ($($family:ident),+) => {
        $(
            #[test]
            fn $family() {
                run(stringify!($family));
            }
        )+

        #[test]
        fn every_case_belongs_to_a_tested_family() {
            let families = [$(stringify!($family)),+];
            for listed in LISTED {
                assert!(families.iter().any(|family| listed.id.starts_with(family)), "{} is in no family", listed.id);
            }
        }
    };
}

families!(lifecycle, episode, step, engine, metadata, task, retrieve, pattern, embedding, codec, compress, decompress);

#[test]
fn a_wrong_answer_and_an_unknown_case_are_errors() {
    assert!(workloads::cases::find("nothing", &[]).is_err());
    let unknown = workloads::cases::find("lifecycle_memory", &["store=punchcards".to_owned()]);
    let message = format!("{:#}", unknown.err().expect("no such store"));
    assert!(message.contains("memory, redb, libsql, tiered"), "{message}");
}
