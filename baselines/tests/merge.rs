//! Shards of a gate: joined, they give the verdict that one run gives, and no part stops measuring too early.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::BTreeSet;

use baselines::delta::{Comparison, Delta, Verdict};
use baselines::exit_code::Exit;
use baselines::gate::{self, Judgement};
use baselines::merge::{self, Merged};
use baselines::paired::{self, Control, Pair, Paired, Round, Slices};
use baselines::policy::{self, Policy};
use baselines::shard::{LAYOUTS, Shard, divide};
use baselines::{CaseKey, Durability, Environment, InvalidEntry, Lane, Run, RunHeader, Skipped};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use stats::Procedure;
use stats::decision::Stage;

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

fn key(benchmark: &str) -> CaseKey {
    CaseKey { benchmark: benchmark.to_owned(), variant: String::new() }
}

/// The pair of a benchmark that is by `share` slower, whose rounds scatter by `scatter`.
struct Truth {
    name: String,
    share: f64,
    scatter: f64,
    control: Option<Control>,
}

impl Truth {
    fn case(number: usize, share: f64, scatter: f64) -> Truth {
        Truth { name: format!("case/{number}"), share, scatter, control: None }
    }

    fn controls() -> [Truth; 2] {
        let control = |share, control| Truth { name: "quick".into(), share, scatter: 0.004, control: Some(control) };
        [control(0.0, Control::Same), control(0.05, Control::Slower { percent: 5.0 })]
    }

    fn pair(&self) -> Paired {
        let pair = Pair {
            case: key(&self.name),
            base: "revision 0123456789ab".to_owned(),
            metric: "cpu_time".to_owned(),
            operations: 1,
            randomized_layout: true,
            durability: Durability::Memory,
            control: self.control,
        };
        Paired { pair, rounds: vec![], abandoned: false }
    }

    /// One round of a pair, drawn.
    fn round(&self, pair: usize, stage: Stage, random: &mut Pcg64) -> Round {
        let shift = self.share.ln_1p() + self.scatter * (random.random::<f64>() + random.random::<f64>() - 1.0);
        let slices = |shift: f64, random: &mut Pcg64| {
            let cpu_ns: Vec<u64> = (0..2).map(|_| (3e6 * shift.exp()) as u64 + random.random_range(0..99)).collect();
            Slices { wall_ns: cpu_ns.clone(), waiting_ns: vec![0; 2], cpu_ns, ..Slices::default() }
        };
        Round { pair, stage, base: slices(0.0, random), new: slices(shift, random) }
    }
}

fn header() -> RunHeader {
    let mut environment = Environment::detect(1, "bench sums");
    environment.cpu_features = vec!["avx2".to_owned()];
    RunHeader::new("assay gate", "quick", environment)
}

fn shard(number: usize, of: usize, elsewhere: usize) -> Shard {
    Shard {
        number,
        of,
        sides: ["aaaa".to_owned(), "bbbb".to_owned()],
        against: "revision aaaa".to_owned(),
        policy: policy::DEFAULT.to_owned(),
        plan: "all benchmarks".to_owned(),
        division: "0123".to_owned(),
        elsewhere,
        scope: None,
        notes: vec![],
        differences: vec![],
    }
}

/// Measures the truths until no rounds are missing, or after so many `turns` the time is up.
fn measured(truths: &[Truth], elsewhere: usize, seed: u64, turns: usize) -> Vec<Paired> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut pairs: Vec<Paired> = truths.iter().map(Truth::pair).collect();
    for _ in 0..turns {
        let wanted = missing(&pairs, elsewhere);
        for (pair, stage, rounds) in &wanted {
            for _ in 0..*rounds {
                let round = truths[*pair].round(*pair, *stage, &mut random);
                pairs[*pair].rounds.push(round);
            }
        }
    }
    pairs
}

fn missing(pairs: &[Paired], elsewhere: usize) -> Vec<(usize, Stage, usize)> {
    paired::missing(&Procedure::default(), pairs, &Policy::standard(), TODAY, elsewhere).unwrap()
}

/// The delta of a count.
fn count(name: &str, verdict: Verdict) -> Delta {
    let (base, new, relative) = (Some(1000.0), Some(1100.0), Some(0.1));
    Delta { base, new, relative, ..Delta::new(key(name), "instructions", (verdict, "limit 0.300%, blocks"), true) }
}

/// The judgement that a session gives of the run that it has measured.
fn of_one_run(run: &Run) -> Judgement {
    if run.same_program {
        return Judgement::same_program();
    }
    let one_layout = run.skipped.iter().any(|skipped| skipped.what == LAYOUTS);
    let policy = Policy::standard();
    let by = if one_layout { policy.advising(Lane::Time) } else { policy };
    let mut times = paired::judge(&Procedure::default(), &run.pairs, &by, TODAY, 0).unwrap();
    if run.deltas.iter().any(|delta| delta.verdict == Verdict::Regressed) {
        times.decided_by_counts();
    }
    let invalid: Vec<InvalidEntry> = run.invalid.iter().cloned().chain(times.wrong_controls).collect();
    let deltas = run.deltas.iter().cloned().chain(times.deltas).collect();
    gate::judge(Comparison { differences: vec![], deltas }, &invalid, &[])
}

/// A run in so many shards: each case with its count and rounds in one of them, and the controls in each.
fn split(run: &Run, of: usize) -> Vec<(String, Run)> {
    let names: BTreeSet<String> = run
        .pairs
        .iter()
        .filter(|paired| paired.pair.control.is_none())
        .map(|paired| paired.pair.case.benchmark.clone())
        .chain(run.deltas.iter().map(|delta| delta.case.benchmark.clone()))
        .collect();
    let cases: Vec<(String, Option<u64>)> = names.into_iter().map(|name| (name, None)).collect();
    let shards = divide(&cases, of);
    let place = |case: &CaseKey| shards[cases.iter().position(|(name, _)| *name == case.benchmark).unwrap()];
    let part = |number: usize| {
        let cases = run.pairs.iter().filter(|paired| paired.pair.control.is_none());
        // Waiting is judged beside each time.
        let elsewhere = 2 * cases.filter(|paired| place(&paired.pair.case) != number).count();
        let mut part = Run { shard: Some(shard(number, of, elsewhere)), pairs: vec![], ..run.clone() };
        part.deltas.retain(|delta| place(&delta.case) == number);
        for paired in &run.pairs {
            if paired.pair.control.is_none() && place(&paired.pair.case) != number {
                continue;
            }
            let position = part.pairs.len();
            let mut own = paired.clone();
            own.rounds.iter_mut().for_each(|round| round.pair = position);
            part.pairs.push(own);
        }
        (format!("{number}.jsonl"), part)
    };
    (1..=of).map(part).collect()
}

/// What shards say together, after they were written and read.
fn joined(shards: &[(String, Run)]) -> Merged {
    let folder = tempfile::tempdir().unwrap();
    let read = |(name, run): &(String, Run)| {
        let path = folder.path().join(name);
        run.write(&path).unwrap();
        (name.clone(), Run::read(&path, false).unwrap())
    };
    merge::join(shards.iter().map(read).collect()).unwrap()
}

/// Both judgements of a run, in one piece and in shards, are one.
fn agrees(run: &Run, of: usize) -> Exit {
    let whole = of_one_run(run);
    let merged = joined(&split(run, of));
    let (parts, controls) = merged.judge(TODAY).unwrap();
    assert_eq!(parts.outcome, whole.outcome, "{} / {}", parts.summary, whole.summary);
    assert_eq!((&parts.tally, &parts.ruled_out), (&whole.tally, &whole.ruled_out));
    let sorted = |judgement: &Judgement| {
        let mut deltas = judgement.comparison.deltas.clone();
        deltas.sort_by_key(|delta| (delta.case.clone(), delta.metric.clone()));
        deltas
    };
    assert_eq!(sorted(&parts), sorted(&whole));
    let reasons = |judgement: &Judgement| judgement.invalid.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(reasons(&parts), reasons(&whole));
    let of_run = run.pairs.iter().filter(|paired| paired.pair.control.is_some()).count();
    assert_eq!(controls.len(), if run.same_program { 0 } else { of_run * of }, "each machine has its own");
    parts.outcome.exit()
}

fn run(truths: Vec<Truth>, turns: usize) -> Run {
    let mut pairs = measured(&truths, 0, 7, turns);
    for mut control in measured(&Truth::controls(), 0, 7, 9) {
        control.rounds.iter_mut().for_each(|round| round.pair = pairs.len());
        pairs.push(control);
    }
    Run { pairs, complete: true, ..Run::new(header()) }
}

#[test]
fn shards_give_the_exit_code_of_one_run() {
    let cases = |shares: &[f64]| -> Vec<Truth> {
        shares.iter().enumerate().map(|(number, share)| Truth::case(number, *share, 0.01)).collect()
    };
    let equal = run(cases(&[0.0; 7]), 9);
    assert_eq!(agrees(&equal, 3), Exit::Ok);
    assert_eq!(agrees(&Run { pairs: vec![], same_program: true, ..equal.clone() }, 3), Exit::Ok);
    assert_eq!(agrees(&run(cases(&[0.0, 0.0, 0.08, 0.0, -0.05]), 9), 3), Exit::Regressed);
    let deltas = vec![count("case/1", Verdict::Equal), count("case/3", Verdict::Regressed)];
    let counted = Run { deltas, ..run(cases(&[0.0, 0.06, 0.0, 0.0]), 1) };
    assert_eq!(agrees(&counted, 2), Exit::Regressed, "times got only the first look");
    assert_eq!(agrees(&run(cases(&[0.0, 0.08, 0.0]), 1), 2), Exit::Invalid, "the time was up");
    let mut wrong = equal.clone();
    let [.., slower] = &mut wrong.pairs[..] else { panic!("controls") };
    slower.rounds.iter_mut().for_each(|round| round.new = round.base.clone());
    assert_eq!(agrees(&wrong, 2), Exit::Invalid, "a control");
    let mut unlike = equal.clone();
    unlike.invalid.push(InvalidEntry { what: "case/1".to_owned(), why: "a toggle did not engage".to_owned() });
    assert_eq!(agrees(&unlike, 2), Exit::Invalid);
    let advised = Skipped { what: LAYOUTS.to_owned(), why: "another linker".to_owned() };
    let advised = Run { skipped: vec![advised], ..run(cases(&[0.0, 0.08, 0.0]), 9) };
    assert_eq!(agrees(&advised, 2), Exit::Ok, "without layouts, times advise");
    let skipped = Skipped { what: "every case".to_owned(), why: "none was selected".to_owned() };
    let nothing = Run { skipped: vec![skipped], complete: true, ..Run::new(header()) };
    assert_eq!(agrees(&nothing, 2), Exit::Nothing);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Rounds of one run, whatever they are, in any number of shards.
    #[test]
    fn recorded_rounds_in_shards_are_judged_as_in_one_run(
        shares in proptest::collection::vec((-0.06..0.08_f64, 0.001..0.08_f64), 1..9),
        of in 1..5_usize,
        turns in 0..7_usize,
    ) {
        let truths = shares.iter().enumerate().map(|(number, (share, scatter))| Truth::case(number, *share, *scatter));
        agrees(&run(truths.collect(), turns), of);
    }

    /// Shards that measure until they need no more have all that the suite needs, and it decides what they decide.
    #[test]
    fn a_shard_does_not_stop_too_early(
        shares in proptest::collection::vec((-0.03..0.05_f64, 0.02..0.2_f64), 6..13),
        of in 2..5_usize,
    ) {
        let names: Vec<_> = (0..shares.len()).map(|number| (format!("case/{number}"), None)).collect();
        let of_shard = divide(&names, of);
        let mut shards = Vec::new();
        let mut decided = Vec::new();
        for number in 1..=of {
            let own = shares.iter().enumerate().filter(|(case, _)| of_shard[*case] == number);
            let truths: Vec<Truth> = own.map(|(case, (share, scatter))| Truth::case(case, *share, *scatter)).collect();
            // Waiting is judged beside each time.
            let elsewhere = 2 * (shares.len() - truths.len());
            let pairs = measured(&truths, elsewhere, number as u64, 9);
            prop_assert!(missing(&pairs, elsewhere).is_empty());
            let policy = Policy::standard();
            let alone = paired::judge(&Procedure::default(), &pairs, &policy, TODAY, elsewhere).unwrap();
            decided.extend(alone.deltas.into_iter().filter(|delta| delta.verdict.is_decided()));
            let run = Run { pairs, shard: Some(shard(number, of, elsewhere)), complete: true, ..Run::new(header()) };
            shards.push((number.to_string(), run));
        }
        let merged = merge::join(shards).unwrap();
        prop_assert!(missing(&merged.run.pairs, 0).is_empty());
        let (judgement, _) = merged.judge(TODAY).unwrap();
        for before in decided {
            let is_it = |delta: &&Delta| delta.case == before.case && delta.metric == before.metric;
            let now = judgement.comparison.deltas.iter().find(is_it).unwrap();
            prop_assert!(now.verdict.is_decided(), "{} was {}: {} / {}", before.case, before.verdict, before.why, now.why);
        }
    }
}

#[test]
fn what_is_not_one_gate_is_refused() {
    let shards = |change: &dyn Fn(&mut Run)| {
        let mut shards = split(&run(vec![Truth::case(0, 0.0, 0.01), Truth::case(1, 0.0, 0.01)], 1), 3);
        change(&mut shards[1].1);
        merge::join(shards).map(|_| ()).map_err(|error| error.to_string())
    };
    fn of(run: &mut Run) -> &mut Shard {
        run.shard.as_mut().unwrap()
    }
    assert_eq!(shards(&|_| {}), Ok(()));
    type Change = fn(&mut Run);
    let changes: [(Change, &str); 11] = [
        (|run| run.shard = None, "2.jsonl is no shard: `assay gate --against REV --shard 1/3` writes one"),
        (|run| of(run).of = 4, "these are parts of 3 and of 4 shards: 1.jsonl and 2.jsonl: start all shards again"),
        (|run| of(run).number = 3, "shard 3 of 3 is there twice: 2.jsonl and 3.jsonl: give each shard once"),
        (|run| of(run).sides[0] = "cccc".into(), "the base is aaaa in one and cccc in the other: 1.jsonl and 2.jsonl"),
        (|run| of(run).sides[1] = "cccc".into(), "the new side is bbbb in one and cccc in the other"),
        (|run| of(run).plan = "seed 3".into(), "one measured `all benchmarks` and the other `seed 3`"),
        (|run| of(run).policy.push('\n'), "they have two policies"),
        (|run| run.header.environment.rustc = "rustc 9".into(), "in one and rustc 9 in the other"),
        (|run| run.header.environment.seed = 9, "seed is 1 in one and 9 in the other"),
        (|run| run.same_program = true, "both sides are one program there"),
        (|run| of(run).division = "x".into(), "they divide the cases differently"),
    ];
    for (change, why) in changes {
        let refused = shards(&change).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    let linker = |run: &mut Run| run.skipped.push(Skipped { what: LAYOUTS.into(), why: "another linker".into() });
    assert!(shards(&linker).unwrap_err().contains("one drew code layouts, and the other could not"));
    let mut parts = split(&run(vec![Truth::case(0, 0.0, 0.01)], 1), 3);
    parts[0].1.pairs.clear();
    linker(&mut parts[1].1);
    let refused = merge::join(parts).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("the other could not: 3.jsonl and 2.jsonl"), "the first has no times: {refused}");
    assert_eq!(
        shards(&|run| run.header.environment.cpu_features = vec!["sse2".into()]),
        Ok(()),
        "each counts both sides"
    );
    let mut two = split(&run(vec![Truth::case(0, 0.0, 0.01)], 1), 3);
    two.remove(1);
    let refused = merge::join(two).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        refused,
        "of 3 shards, 2 is missing: give the run of each shard; one that failed has none, so start it again"
    );
    assert!(merge::join(vec![]).is_err());
}

#[test]
fn counts_of_one_shard_do_not_undo_the_times_of_another() {
    let [mut counted, timed] = [("counted", 1), ("timed", 9)].map(|(name, turns)| {
        let truth = Truth { name: name.to_owned(), share: 0.08, scatter: 0.01, control: None };
        let pairs = measured(&[truth], 2, 7, turns);
        Run { pairs, complete: true, shard: Some(shard(turns.min(2), 2, 2)), ..Run::new(header()) }
    });
    counted.deltas.push(count("counted", Verdict::Regressed));
    let (judgement, _) = merge::join(vec![("1".into(), counted), ("2".into(), timed)]).unwrap().judge(TODAY).unwrap();
    let time = |name| {
        let of = |delta: &&Delta| delta.case == key(name) && delta.metric == "cpu_time";
        judgement.comparison.deltas.iter().find(of).unwrap()
    };
    assert_eq!(judgement.outcome.exit(), Exit::Regressed);
    assert_eq!(time("timed").verdict, Verdict::Regressed, "{}", time("timed").why);
    assert_eq!(time("counted").verdict, Verdict::Inconclusive);
    assert!(time("counted").why.contains("the counts have decided already"), "{}", time("counted").why);
}

#[test]
fn a_shard_whose_time_was_up_does_not_undo_what_another_has_shown() {
    let [late, shown] = [("late", 0.0, 0.2, 1), ("shown", 0.08, 0.01, 9)].map(|(name, share, scatter, turns)| {
        let truth = Truth { name: name.to_owned(), share, scatter, control: None };
        let pairs = measured(&[truth], 2, 7, turns);
        Run { pairs, complete: true, shard: Some(shard(turns.min(2), 2, 2)), ..Run::new(header()) }
    });
    let (judgement, _) = merge::join(vec![("1".into(), late), ("2".into(), shown)]).unwrap().judge(TODAY).unwrap();
    let of = |delta: &&Delta| delta.case == key("shown") && delta.metric == "cpu_time";
    let shown = judgement.comparison.deltas.iter().find(of).unwrap();
    assert_eq!((judgement.outcome.exit(), shown.verdict), (Exit::Regressed, Verdict::Regressed), "{}", shown.why);
}

#[test]
fn another_machine_is_named() {
    let mut shards = split(&run(vec![Truth::case(0, 0.0, 0.01)], 1), 2);
    shards[1].1.header.environment.cpu_model = "another CPU".to_owned();
    let notes = joined(&shards).notes;
    assert!(notes.len() == 1 && notes[0].starts_with("shard 2 of 2 was measured on another machine: another CPU"));
}
