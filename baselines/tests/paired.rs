//! Rounds of two sides: what is recorded is read again, and what follows from it.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::path::Path;

use baselines::delta::{Bound, Comparison, Verdict};
use baselines::gate::{self, GateOutcome, Judgement};
use baselines::paired::{self, Control, Pair, PairVerdicts, Paired, Round, Slices};
use baselines::policy::Policy;
use baselines::{CaseKey, Durability, Environment, Run, RunHeader, RunWriter};
use stats::Procedure;
use stats::decision::Stage;

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

fn header() -> RunHeader {
    RunHeader::new("assay gate", "quick", Environment::detect(1, "generated"))
}

fn pair(benchmark: &str, control: Option<Control>) -> Pair {
    Pair {
        case: CaseKey { benchmark: benchmark.to_owned(), variant: "store=memory".to_owned() },
        base: "revision 0123456789ab".to_owned(),
        metric: "cpu_time".to_owned(),
        operations: 100,
        randomized_layout: false,
        durability: Durability::Memory,
        control,
    }
}

/// Slices of about 5 ms, `share` longer, that differ a little from each other and from round to round.
fn slices(share: f64, seed: usize) -> Slices {
    let time_ns = |slice: usize| {
        let jitter = ((seed * 31 + slice * 7919) % 997) as f64 * 20.0;
        ((5e6 + jitter) * (1.0 + share)) as u64
    };
    let cpu_ns: Vec<u64> = (0..8).map(time_ns).collect();
    Slices { wall_ns: cpu_ns.iter().map(|time| time + 1000).collect(), cpu_ns, ..Slices::default() }
}

fn rounds(pair: usize, share: f64, screen: usize, confirm: usize) -> Vec<Round> {
    let stages = std::iter::repeat_n(Stage::Screen, screen).chain(std::iter::repeat_n(Stage::Confirm, confirm));
    stages
        .enumerate()
        .map(|(number, stage)| Round { pair, stage, base: slices(0.0, number), new: slices(share, number + 5) })
        .collect()
}

fn judged(pairs: &[Paired]) -> PairVerdicts {
    paired::judge(&Procedure::default(), pairs, &Policy::standard(), TODAY, 0).unwrap()
}

fn one(share: f64, confirm: usize, control: Option<Control>) -> PairVerdicts {
    judged(&[Paired { pair: pair("step/log", control), rounds: rounds(0, share, 20, confirm), abandoned: false }])
}

#[test]
fn a_cost_in_few_slices_is_told_by_the_mean() {
    // Every fourth slice of these sides takes 40% more.
    let flushing = |base: bool, new: bool| {
        let mut rounds = rounds(0, 0.0, 20, 0);
        for (number, round) in rounds.iter_mut().enumerate() {
            for (slices, flushes) in [(&mut round.base, base), (&mut round.new, new)] {
                let flushed = slices.cpu_ns.iter_mut().skip(number % 4).step_by(4).filter(|_| flushes);
                flushed.for_each(|ns| *ns = *ns * 7 / 5);
            }
        }
        judged(&[Paired { pair: pair("step/log", None), rounds, abandoned: false }])
    };
    let summary = gated(flushing(false, true)).summary;
    assert!(
        summary.contains("(99%, 1 case) in its typical operation, but the mean of 1 case is slower by "),
        "{summary}"
    );
    let told = flushing(false, true).deltas;
    let [mean, typical] = &told[..] else { panic!("two deltas: {told:?}") };
    assert_eq!((mean.metric.as_str(), mean.verdict, mean.blocks), ("mean_cpu_time", Verdict::Regressed, false));
    assert!((0.08..0.12).contains(&mean.relative.unwrap()), "a tenth: {mean:?}");
    let equal = (typical.metric.as_str(), typical.verdict);
    assert_eq!(equal, ("cpu_time", Verdict::Equal), "its bound says nothing of the mean");
    for (base, new) in [(false, false), (true, true), (true, false)] {
        assert_eq!(flushing(base, new).deltas.len(), 1, "{base} {new}");
    }
    assert_eq!(one(0.2, 30, None).deltas.len(), 1, "the typical slice has said so");
    assert_eq!(one(0.2, 0, None).deltas.len(), 1, "the typical slice is open");
}

#[test]
fn less_work_is_no_improvement_unless_somebody_accepted_it() {
    let with_work = |base: [u64; 2], new: [u64; 2]| {
        let mut rounds = rounds(0, -0.2, 20, 20);
        for (number, round) in rounds.iter_mut().enumerate() {
            round.base.work.insert("rows_read".to_owned(), base[number % 2]);
            round.new.work.insert("rows_read".to_owned(), new[number % 2]);
        }
        [Paired { pair: pair("step/log", None), rounds, abandoned: false }]
    };
    let verdict = |pairs: &[Paired]| judged(pairs).deltas[0].verdict;
    assert_eq!(verdict(&with_work([5, 5], [3, 3])), Verdict::Invalid);
    assert_eq!(verdict(&with_work([5, 5], [5, 5])), Verdict::Improved);
    assert_eq!(verdict(&with_work([5, 7], [6, 4])), Verdict::Improved, "it differs from process to process");
    let text = "schema = 1\n[[rule]]\nmetric = 'cpu_time'\nrelative = 0.02\naction = 'block'\n[[redefinition]]\n\
        benchmark = 'step/*'\nreason = 'reads less'\nexpires = '2026-01-01'\n";
    let policy = Policy::parse(Path::new("p.toml"), text).unwrap();
    let pairs = with_work([5, 5], [3, 3]);
    let accepted = paired::judge(&Procedure::default(), &pairs, &policy, TODAY, 0).unwrap();
    assert_eq!(accepted.deltas[0].verdict, Verdict::Incomparable);
    assert!(accepted.deltas[0].why.contains("rows_read 3 in a process, the base 5"), "{}", accepted.deltas[0].why);
}

fn write(path: &Path) -> Run {
    let mut writer = RunWriter::create(path, header()).unwrap();
    assert_eq!(writer.pair(pair("step/log", None)).unwrap(), 0);
    assert_eq!(writer.pair(pair("step/log", Some(Control::Slower { percent: 5.0 }))).unwrap(), 1);
    for round in rounds(0, 0.0, 2, 1).into_iter().chain(rounds(1, 0.05, 2, 0)) {
        writer.round(round).unwrap();
    }
    writer.abandon(1, "the new side: it hangs").unwrap();
    assert!(writer.round(Round { pair: 2, ..rounds(0, 0.0, 1, 0)[0].clone() }).is_err());
    writer.finish().unwrap()
}

#[test]
fn rounds_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let written = write(&path);
    let read = Run::read(&path, false).unwrap();
    assert_eq!(read, written);
    assert_eq!((read.pairs[0].rounds.len(), read.pairs[1].rounds.len()), (3, 2));
    assert!(!read.pairs[0].abandoned && read.pairs[1].abandoned);
    assert!(read.invalid[0].why.contains("it hangs"));
    let copy = folder.path().join("copy.jsonl");
    read.write(&copy).unwrap();
    assert_eq!(Run::read(&copy, false).unwrap(), read, "written at once");
}

#[test]
fn a_run_that_did_not_end_is_not_whole_once_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let run = Run { complete: false, ..write(&path) };
    run.write(&path).unwrap();
    assert!(Run::read(&path, false).unwrap_err().to_string().contains("the run did not end"));
    assert_eq!(Run::read(&path, true).unwrap(), run);
}

#[test]
fn a_round_of_an_unknown_pair_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    write(&path);
    let text = std::fs::read_to_string(&path).unwrap();
    let wrong = text.replacen("\"record\":\"round\",\"pair\":1", "\"record\":\"round\",\"pair\":7", 1);
    assert_ne!(wrong, text);
    std::fs::write(&path, wrong).unwrap();
    let message = Run::read(&path, false).unwrap_err().to_string();
    assert!(message.contains("a round of pair 7, but only 2 pairs precede it"), "{message}");
}

#[test]
fn verdicts_follow_from_the_rounds() {
    let verdict = |share, confirm| one(share, confirm, None).deltas[0].verdict;
    assert_eq!(verdict(0.0, 0), Verdict::Equal);
    assert_eq!(verdict(0.015, 0), Verdict::Equal, "slower, within the limit");
    assert_eq!(verdict(0.05, 20), Verdict::Regressed);
    assert_eq!(verdict(-0.05, 20), Verdict::Improved);
    assert_eq!(verdict(0.05, 19), Verdict::Inconclusive, "a round is missing");
    let outcome = one(0.05, 20, None);
    let delta = &outcome.deltas[0];
    assert!(delta.blocks && (delta.relative.unwrap() - 0.05).abs() < 0.005);
    assert!((delta.base.unwrap() - 50_000.0).abs() < 200.0, "of one operation: {:?}", delta.base);
    assert!(delta.why.starts_with("limit 2.0%, tolerance 4.0%, blocks: +5.0"), "{}", delta.why);
    assert!(delta.why.ends_with("%") && delta.why.contains("; wall +5.0"), "{}", delta.why);
    let Bound { at_most, confidence } = delta.bound.unwrap();
    assert!((0.05..0.055).contains(&at_most) && (confidence - 0.99).abs() < 1e-9, "{:?}", delta.bound);
}

fn gated(verdicts: PairVerdicts) -> Judgement {
    gate::judge(Comparison { differences: vec![], deltas: verdicts.deltas }, &[], &[])
}

#[test]
fn a_slowdown_of_half_is_not_green_because_its_time_was_up() {
    for rounds in [0, 7, 20, 39] {
        let paired = Paired {
            pair: pair("step/log", None),
            rounds: self::rounds(0, 0.5, rounds.min(20), rounds.saturating_sub(20)),
            abandoned: false,
        };
        let judgement = gated(judged(&[paired]));
        assert_eq!(judgement.outcome, GateOutcome::Undecided, "{rounds} rounds: {}", judgement.summary);
        assert_eq!(judgement.outcome.exit().code(), 3);
        let named = judgement.summary.contains("cpu_time of step/log") && judgement.summary.contains("--budget");
        assert!(named, "{}", judgement.summary);
        let interval = rounds < 20 || judgement.summary.contains("+50.0") && judgement.summary.contains(", +50.");
        assert!(interval, "{}", judgement.summary);
    }
}

#[test]
fn times_without_a_first_look_had_no_time_also_where_the_counts_have_decided() {
    let late = "the time was up before the first look: give it more (--budget)";
    let decided = "the counts have decided already: times got only the first look";
    for (rounds, why) in [(0, late), (7, late), (20, decided)] {
        let rounds = self::rounds(0, 0.5, rounds, 0);
        let mut verdicts = judged(&[Paired { pair: pair("step/log", None), rounds, abandoned: false }]);
        verdicts.decided_by_counts();
        assert!(verdicts.deltas.iter().all(|delta| delta.why == why), "{why}: {:?}", verdicts.deltas);
    }
}

#[test]
fn a_gate_passes_with_what_it_rules_out() {
    let judgement = gated(one(0.015, 0, None));
    assert_eq!(judgement.outcome, GateOutcome::Passed);
    let said = "passed: 1 compared, 1 equal, 0 improved; no case is slower by more than 1.";
    assert!(
        judgement.summary.starts_with(said) && judgement.summary.ends_with("% (99%, 1 case)"),
        "{}",
        judgement.summary
    );
}

/// Rounds of equal CPU time whose slices wait this long, in microseconds.
fn waiting(base_us: u64, new_us: u64, screen: usize, confirm: usize) -> Vec<Round> {
    let waits = |slices: Slices, waited_us: u64| Slices {
        waiting_ns: vec![waited_us * 1000; 8],
        wall_ns: slices.wall_ns.iter().map(|wall_ns| wall_ns + waited_us * 1000).collect(),
        ..slices
    };
    let rounds = rounds(0, 0.0, screen, confirm).into_iter();
    rounds.map(|round| Round { base: waits(round.base, base_us), new: waits(round.new, new_us), ..round }).collect()
}

fn waiting_pair(operations: u64, rounds: Vec<Round>) -> Paired {
    Paired { pair: Pair { operations, ..pair("step/log", None) }, rounds, abandoned: false }
}

#[test]
fn longer_waiting_is_a_regression_though_the_cpu_time_stays() {
    let outcome = judged(&[waiting_pair(100, waiting(0, 2000, 20, 20))]);
    let [time, waiting] = &outcome.deltas[..] else { panic!("two metrics: {outcome:?}") };
    assert_eq!((time.metric.as_str(), time.verdict), ("cpu_time", Verdict::Equal), "{}", time.why);
    assert_eq!((waiting.metric.as_str(), waiting.verdict), ("waiting_time", Verdict::Regressed), "{}", waiting.why);
    assert_eq!((waiting.base, waiting.new), (Some(0.0), Some(20_000.0)), "of one operation");
    assert!((waiting.relative.unwrap() - 0.4).abs() < 0.01, "of the wall time: {:?}", waiting.relative);
    let judgement = gated(outcome);
    assert_eq!(judgement.outcome, GateOutcome::Regressed);
    assert!(judgement.summary.starts_with("regressed: waiting_time of step/log"), "{}", judgement.summary);
}

#[test]
fn more_memory_is_a_regression_where_it_is_known() {
    let takes = |base_mib: u64, new_mib: u64| {
        let known = |slices: Slices, mib: u64| Slices { peak_bytes: Some(mib << 20), ..slices };
        let rounds = rounds(0, 0.0, 20, 20).into_iter();
        let rounds =
            rounds.map(|round| Round { base: known(round.base, base_mib), new: known(round.new, new_mib), ..round });
        judged(&[waiting_pair(1, rounds.collect())])
    };
    let outcome = takes(100, 120);
    let [time, memory] = &outcome.deltas[..] else { panic!("two metrics: {outcome:?}") };
    assert_eq!((time.metric.as_str(), time.verdict), ("cpu_time", Verdict::Equal), "{}", time.why);
    assert_eq!((memory.metric.as_str(), memory.verdict), ("peak_memory", Verdict::Regressed), "{}", memory.why);
    assert_eq!((memory.base, memory.blocks), (Some(100.0 * 1_048_576.0), true));
    let summary = gated(takes(100, 101)).summary;
    assert!(summary.contains(", or takes more memory by more than 1.0% (99%, 1 case)"), "{summary}");
    assert_eq!(takes(2, 3).deltas[1].verdict, Verdict::Equal, "a megabyte more of two is a step of the heap");
    let unknown = Paired { pair: pair("step/log", None), rounds: vec![], abandoned: false };
    assert!(judged(&[unknown]).deltas.iter().all(|delta| delta.metric != "peak_memory"), "nobody has measured any");
}

#[test]
fn what_never_waits_is_decided_at_once() {
    let paired = waiting_pair(100, waiting(0, 0, 20, 0));
    assert_eq!(missing(&[&paired]), []);
    let outcome = judged(&[paired]);
    assert_eq!((outcome.deltas[1].verdict, outcome.deltas[1].bound.unwrap().at_most), (Verdict::Equal, 0.0));
    let summary = gated(outcome).summary;
    assert!(summary.ends_with("or waits longer by more than 0.0% of its time (99%, 1 case)"), "{summary}");
}

#[test]
fn waiting_below_a_microsecond_an_operation_is_no_wait() {
    let quick = judged(&[waiting_pair(1_000_000, waiting(0, 900, 20, 0))]);
    assert_eq!(quick.deltas[1].verdict, Verdict::Equal, "0.9 ns per operation: {}", quick.deltas[1].why);
    assert!(quick.deltas[1].why.contains("(1.000 us per operation)"), "{}", quick.deltas[1].why);
    let slow = judged(&[waiting_pair(100, waiting(0, 900, 20, 20))]);
    assert_eq!(slow.deltas[1].verdict, Verdict::Regressed, "9 us per operation: {}", slow.deltas[1].why);
}

#[test]
fn the_metrics_of_a_pair_share_its_rounds() {
    // Only the waiting is suspicious, and its rounds are asked for once.
    let suspicious = waiting_pair(100, waiting(0, 2000, 20, 5));
    assert_eq!(missing(&[&suspicious]), [(0, Stage::Confirm, 15)]);
    assert_eq!(missing(&[&waiting_pair(100, waiting(0, 0, 4, 0))]), [(0, Stage::Screen, 16)]);
}

#[test]
fn rounds_of_before_are_not_judged_by_their_waiting() {
    let mut rounds = waiting(0, 2000, 20, 20);
    rounds[3].base.waiting_ns.clear();
    let outcome = judged(&[waiting_pair(100, rounds)]);
    assert_eq!(outcome.deltas.iter().map(|delta| delta.metric.as_str()).collect::<Vec<_>>(), ["cpu_time"]);
}

#[test]
fn waiting_that_only_the_base_tells_is_not_left_out() {
    for rounds_without in [1, 40] {
        let mut rounds = waiting(0, 2000, 20, 20);
        rounds.iter_mut().take(rounds_without).for_each(|round| round.new.waiting_ns.clear());
        let outcome = judged(&[waiting_pair(100, rounds)]);
        let [time, waiting] = &outcome.deltas[..] else { panic!("two metrics: {outcome:?}") };
        assert_eq!((time.verdict, waiting.verdict), (Verdict::Equal, Verdict::Missing));
        assert_eq!(gated(outcome).outcome, GateOutcome::Invalid);
    }
}

fn missing(pairs: &[&Paired]) -> Vec<(usize, Stage, usize)> {
    let pairs: Vec<Paired> = pairs.iter().map(|paired| (*paired).clone()).collect();
    paired::missing(&Procedure::default(), &pairs, &Policy::standard(), TODAY, 0).unwrap()
}

#[test]
fn an_absolute_limit_alone_is_one() {
    let text = "schema = 1\n[[rule]]\nmetric = 'cpu_time'\nabsolute = 5000\ntolerance = 0.5\naction = 'block'\n";
    let policy = Policy::parse(Path::new("p.toml"), text).unwrap();
    let verdict = |share| {
        let pairs = [Paired { pair: pair("step/log", None), rounds: rounds(0, share, 20, 220), abandoned: false }];
        paired::judge(&Procedure::default(), &pairs, &policy, TODAY, 0).unwrap().deltas[0].verdict
    };
    // An operation takes 50 us, of which 5 us are a tenth.
    assert_eq!((verdict(0.05), verdict(0.2)), (Verdict::Equal, Verdict::Regressed));
}

/// A project that allows more than the control's slowdown can still be measured.
#[test]
fn a_control_is_to_be_found_whatever_the_policy_allows() {
    let text = "schema = 1\n[[rule]]\nmetric = 'cpu_time'\nrelative = 0.1\ntolerance = 0.2\naction = 'block'\n";
    let policy = Policy::parse(Path::new("p.toml"), text).unwrap();
    let slower = |share| {
        let control = Some(Control::Slower { percent: 5.0 });
        let pairs = [Paired { pair: pair("step/log", control), rounds: rounds(0, share, 20, 220), abandoned: false }];
        paired::judge(&Procedure::default(), &pairs, &policy, TODAY, 0).unwrap()
    };
    assert!(slower(0.05).wrong_controls.is_empty(), "{:?}", slower(0.05));
    assert_eq!(slower(0.0).wrong_controls.len(), 1);
}

#[test]
fn controls_are_judged_by_themselves_and_against_what_is_known() {
    let slower = Some(Control::Slower { percent: 5.0 });
    assert!(one(0.05, 20, slower).wrong_controls.is_empty());
    assert!(one(0.0, 20, Some(Control::Same)).wrong_controls.is_empty());
    for (share, control) in [(0.0, slower), (-0.05, slower), (0.05, Some(Control::Same)), (-0.05, Some(Control::Same))]
    {
        let outcome = one(share, 220, control);
        assert_eq!(outcome.wrong_controls.len(), 1, "{share} {control:?}");
        assert!(outcome.deltas.is_empty(), "a control is no result");
    }
}

#[test]
fn a_slowdown_that_is_missed_leaves_open_what_seemed_equal_and_keeps_what_got_worse() {
    // The control's rounds scatter by a tenth around 5%.
    let scattered = |number: usize| 0.05 + 0.1 * ((number * 7 % 11) as f64 / 5.0 - 1.0);
    let mut rounds_of_control = rounds(1, 0.05, 20, 20);
    for (number, round) in rounds_of_control.iter_mut().enumerate() {
        round.new = slices(scattered(number), number + 5);
    }
    let slower = pair("step/log", Some(Control::Slower { percent: 5.0 }));
    let outcome = |share| {
        judged(&[
            Paired { pair: pair("step/log", None), rounds: rounds(0, share, 20, 20), abandoned: false },
            Paired { pair: slower.clone(), rounds: rounds_of_control.clone(), abandoned: false },
        ])
    };
    let verdict = |share| {
        let outcome = outcome(share);
        assert!(outcome.wrong_controls.is_empty(), "{outcome:?}");
        (outcome.deltas[0].verdict, gated(outcome).outcome)
    };
    assert!(outcome(0.0).controls[0].contains("is inconclusive"), "{:?}", outcome(0.0).controls);
    assert_eq!(verdict(0.0), (Verdict::Inconclusive, GateOutcome::Undecided));
    assert_eq!(verdict(0.2), (Verdict::Regressed, GateOutcome::Regressed));
}

#[test]
fn an_abandoned_pair_holds_nobody_up() {
    let quiet = Paired { pair: pair("step/log", None), rounds: rounds(0, 0.0, 20, 0), abandoned: false };
    let mut gone = Paired { pair: pair("episode/get", None), rounds: rounds(1, 0.0, 3, 0), abandoned: false };
    let verdicts = |pairs: &[Paired]| judged(pairs).deltas.iter().map(|delta| delta.verdict).collect::<Vec<_>>();
    assert_eq!(verdicts(&[quiet.clone(), gone.clone()]), [Verdict::Equal, Verdict::Inconclusive]);
    gone.abandoned = true;
    assert_eq!(verdicts(&[quiet, gone]), [Verdict::Equal]);
}

#[test]
fn a_change_below_the_absolute_limit_is_equal() {
    let text = "schema = 1\n[[rule]]\nmetric = 'cpu_time'\nrelative = 0.02\nabsolute = 10000\naction = 'block'";
    let policy = Policy::parse(Path::new("policy.toml"), text).unwrap();
    let paired = Paired { pair: pair("step/log", None), rounds: rounds(0, 0.05, 20, 20), abandoned: false };
    let outcome = paired::judge(&Procedure::default(), &[paired], &policy, TODAY, 0).unwrap();
    assert_eq!(outcome.deltas[0].verdict, Verdict::Equal);
    let why = &outcome.deltas[0].why;
    assert!(why.starts_with("limit 20.0% (10.00 us per operation), tolerance 39.9%"), "{why}");
}

#[test]
fn a_clock_that_stands_still_gives_no_value() {
    let still = Slices { cpu_ns: vec![5_000_000; 8], wall_ns: vec![5_000_000; 8], ..Slices::default() };
    let round = Round { pair: 0, stage: Stage::Screen, base: still.clone(), new: still };
    assert!(round.value("cpu_time").unwrap_err().to_string().contains("the clock stands still"));
}

/// Files of version 1, written by the last version of this crate that did so.
#[test]
fn version_1_is_read_and_version_4_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records");
    let baseline = Run::read(&folder.join("baseline-1.jsonl"), false).unwrap();
    assert_eq!(baseline.measurements.len(), 6);
    assert!(baseline.header.accepted.is_some() && baseline.measurements[4].functions.len() == 2);
    let old = Run::read(&folder.join("pairs-1.jsonl"), false).unwrap();
    let [first, second] = &old.pairs[..] else { panic!("two pairs") };
    assert!(first.pair.randomized_layout && !second.pair.randomized_layout);
    assert_eq!((first.rounds.len(), second.rounds.len(), second.abandoned), (2, 1, true));
    assert_eq!((old.skipped.len(), old.invalid.len(), old.measurements.len()), (1, 1, 1));
    let scratch = tempfile::tempdir().unwrap();
    let new = scratch.path().join("run.jsonl");
    old.write(&new).unwrap();
    let text = std::fs::read_to_string(&new).unwrap();
    assert!(text.contains("\"schema\":4") && text.contains("\"randomized_layout\":true"), "{text}");
    assert_eq!(Run::read(&new, false).unwrap(), old);
    std::fs::write(&new, text.replacen("\"schema\":4", "\"schema\":5", 1)).unwrap();
    let message = Run::read(&new, false).unwrap_err().to_string();
    assert!(message.contains("schema version 5, this assay reads 1 to 4: use the assay that wrote it"), "{message}");
}

#[test]
fn the_seed_of_the_rounds_and_one_program_on_both_sides_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let drawn = RunHeader { rounds_seed: Some(7), ..header() };
    let mut writer = RunWriter::create(&path, drawn).unwrap();
    writer.same_program().unwrap();
    let written = writer.finish().unwrap();
    let read = Run::read(&path, false).unwrap();
    assert_eq!(read, written);
    assert!(read.same_program && read.header.rounds_seed == Some(7));
    read.write(&path).unwrap();
    assert_eq!(Run::read(&path, false).unwrap(), written);
    // Records of before have no such seed.
    let old = std::fs::read_to_string(&path).unwrap().replace(",\"rounds_seed\":7", "");
    std::fs::write(&path, old).unwrap();
    assert_eq!(Run::read(&path, false).unwrap().header.rounds_seed, None);
}

#[test]
fn waiting_is_unknown_where_no_slice_says_it_and_switches_are_those_of_one_operation() {
    let mut paired = Paired { pair: pair("step/log", None), rounds: rounds(0, 0.0, 2, 0), abandoned: false };
    assert_eq!(paired.voluntary_switches(|round| &round.new), [0.0; 0], "unknown is not 0");
    let told = serde_json::to_string(&paired.rounds[0]).unwrap();
    assert!(!told.contains("waiting_ns"), "{told}");
    for round in &mut paired.rounds {
        (round.new.waiting_ns, round.new.voluntary_switches) = (vec![7; 8], 1600);
    }
    assert_eq!(paired.voluntary_switches(|round| &round.new), [2.0, 2.0], "8 slices of 100 operations");
    let told = serde_json::to_string(&paired.rounds[0]).unwrap();
    assert_eq!(serde_json::from_str::<Round>(&told).unwrap(), paired.rounds[0]);
}
