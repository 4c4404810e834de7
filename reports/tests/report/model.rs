//! What reports conclude from the model: how green a pass is, which counts repeat, which charts there are.

use baselines::Skipped;
use baselines::delta::Verdict;
use baselines::paired::PairVerdicts;
use baselines::{CaseKey, InvalidEntry, Measurement, Sample};
use reports::figures::Drawing;
use reports::headline::{Tone, headline};
use reports::splice::{self, Figures};
use reports::{Format, Report, figures, render, repeatability, toggles};

use crate::fixture;

#[test]
fn only_a_whole_pass_is_green() {
    assert_eq!(headline(&fixture::passed()).tone, Tone::Good);

    let mut skipped = fixture::passed();
    skipped.run.skipped.push(Skipped { what: "time".into(), why: "no clock".into() });
    assert_eq!(headline(&skipped).tone, Tone::Partial);

    let mut cut = fixture::passed();
    cut.run.complete = false;
    assert_eq!(headline(&cut).tone, Tone::Partial);

    let mut undecided = fixture::passed();
    let judgement = undecided.judgement.as_mut().expect("judged");
    judgement.tally.insert(Verdict::Inconclusive, 1);
    assert_eq!(headline(&undecided).tone, Tone::Partial);

    // Another machine's counts were not compared, whatever else was.
    let (base, mut new) = (fixture::run(), fixture::run());
    new.header.environment.cpu_features.pop();
    let elsewhere = Report { judgement: Some(fixture::judged(&base, &new)), ..Report::new(new) };
    assert_ne!(headline(&elsewhere).tone, Tone::Good);

    assert_eq!(headline(&fixture::regressed()).tone, Tone::Bad);
    assert_eq!(headline(&fixture::undecided()).tone, Tone::Undecided);
    assert_eq!(headline(&fixture::empty()).tone, Tone::Undecided);
    assert_eq!(headline(&Report::new(fixture::run())).tone, Tone::Undecided);
}

#[test]
fn what_else_is_open_is_counted() {
    let mut report = fixture::undecided();
    for said in ["; 1 more is open", "; 2 more are open"] {
        let deltas = &mut report.judgement.as_mut().expect("judged").comparison.deltas;
        let open = deltas.iter().find(|delta| delta.verdict == Verdict::Inconclusive).expect("one is");
        let mut other = open.clone();
        other.case.benchmark = format!("step/{}", deltas.len());
        deltas.push(other);
        assert!(headline(&report).lead.contains(said), "{}", headline(&report).lead);
    }
}

/// `inconclusive +62.0% [+61.5%, +62.6%]` is baffling without its reason.
#[test]
fn a_time_that_is_left_to_the_counts_is_no_error_and_says_why() {
    let mut report = fixture::regressed();
    let deltas = &mut report.judgement.as_mut().expect("judged").comparison.deltas;
    let mut times = PairVerdicts { deltas: std::mem::take(deltas), ..PairVerdicts::default() };
    times.decided_by_counts();
    *deltas = times.deltas;
    let said = |format: Format| render(&report, format).expect("renders");
    assert!(said(Format::Text).contains("\n    the counts have decided already: times got only the first look\n"));
    assert!(said(Format::Markdown).contains("| inconclusive (the counts have decided already) | "));
    assert!(!said(Format::Github).contains("inconclusive"), "{}", said(Format::Github));
    let junit = said(Format::Junit);
    assert!(!junit.contains("type=\"inconclusive\"") && junit.contains("skipped message=\"inconclusive: "), "{junit}");
}

#[test]
fn repeated_counts_say_which_ones_differ() {
    let mut run = fixture::run();
    let repeated = repeatability::of(&run).expect("the fixture repeats its counts");
    let differ: Vec<_> = repeated.counts.iter().take_while(|count| count.sample.relative_range() > 0.0).collect();
    let named: Vec<_> = differ.iter().map(|sample| (sample.case.benchmark.as_str(), sample.metric.as_str())).collect();
    assert_eq!(named.len(), 2);
    assert!(
        named.contains(&("episode/lifecycle", "instructions"))
            && named.contains(&("retrieve/10000", "estimated_cycles"))
    );
    assert_eq!(repeated.identical() + differ.len(), repeated.counts.len());
    assert_eq!(repeated.worst(), differ[0].sample.relative_range());
    // Times are sampled: that they differ says nothing about the counts.
    assert!(repeated.counts.iter().all(|count| count.metric != "cpu_time"));
    run.measurements.retain(|measurement| measurement.sample.values().len() == 1);
    assert_eq!(repeatability::of(&run), None, "nothing was repeated");
}

#[test]
fn each_chart_is_there_where_its_numbers_are() {
    let titles = |report: &Report| -> Vec<String> {
        figures::figures(report).expect("draws").into_iter().map(|figure| figure.title).collect()
    };
    let moved =
        |report: &Report| -> Vec<String> { figures::changes(report).into_iter().map(|figure| figure.title).collect() };
    let report = fixture::regressed();
    assert_eq!(
        titles(&report),
        [
            "Response times under load, by percentile",
            "retrieve: instructions by size",
            "codec: instructions by variant",
            "codec: stored bytes by variant",
            "Which benchmarks cost most: instructions",
        ]
    );
    assert_eq!(moved(&report), ["Counts that moved", "Times of both sides, measured in turn: cpu time"]);
    assert!(moved(&Report::new(fixture::run())).is_empty(), "nothing was compared");
    let mut still = fixture::passed();
    still.judgement.as_mut().expect("judged").comparison.deltas.retain(|delta| delta.bound.is_none());
    assert!(moved(&still).is_empty(), "nothing moved");
    assert!(titles(&fixture::empty()).is_empty());
    // Without counts the times are drawn.
    let mut times = fixture::run();
    times.measurements.retain(|measurement| measurement.metric == "wall_time");
    assert_eq!(titles(&Report::new(times)), ["Which benchmarks cost most: wall time"]);
    // One value is a sentence.
    let mut alone = fixture::run();
    alone.measurements.truncate(7);
    assert!(titles(&Report::new(alone)).is_empty());
}

#[test]
fn growth_is_told_in_numbers() {
    let report = Report::new(fixture::run());
    let figures = figures::figures(&report).expect("draws");
    let scaling = figures.iter().find(|figure| figure.title.ends_with("by size")).expect("retrieval has sizes");
    assert!(scaling.caption.starts_with("100 times the size costs 98 times as much."), "{}", scaling.caption);
}

#[test]
fn a_long_list_is_cut_and_the_chart_says_so() {
    let mut run = fixture::run();
    let like: Measurement = run.measurements[0].clone();
    run.measurements.clear();
    for place in 0..200 {
        let case = CaseKey { benchmark: format!("many/b{place}"), variant: like.case.variant.clone() };
        let sample = Sample::new(vec![f64::from(place)]).expect("finite");
        run.measurements.push(Measurement { case, sample, ..like.clone() });
    }
    let report = Report::new(run);
    let figures = figures::figures(&report).expect("draws");
    assert!(figures[0].caption.contains("The first 40 of 200."), "{}", figures[0].caption);
}

/// The one sentence that a report begins with.
#[test]
fn the_lead_says_what_happened() {
    let lead = |report: &Report| headline(report).lead;
    assert_eq!(
        lead(&fixture::regressed()),
        "`step/log [store=redb, durability=buffered]` got worse: instructions +17.4%, most of it in \
         `memory::codec::json::encode` (+13,766 called more often, +1,864 costlier per call)"
    );
    assert_eq!(
        lead(&fixture::passed()),
        "Nothing got worse: no case is slower by more than 2.9% (99%, all 2 cases together); 21 counts are within their limits"
    );
    assert_eq!(
        lead(&fixture::undecided()),
        "It is not decided if `step/log [store=memory, durability=memory]` got worse: cpu time +3.10% (99%: +0.40% to \
         +5.70%); no other case is slower by more than 2.9% (99%, 1 case)"
    );
    assert_eq!(lead(&fixture::empty()), "Nothing was measured");
    assert_eq!(
        lead(&Report::new(fixture::run())),
        "43 cases measured; what stands out: `codec/large [codec=json, compression=zstd]` takes 3.8 times the naive \
         variant's instructions"
    );
    let mut invalid = Report::new(fixture::run());
    invalid.run.invalid.push(InvalidEntry { what: "step/log".into(), why: "the toggle did nothing".into() });
    assert_eq!(lead(&invalid), "This run can't be believed: step/log: the toggle did nothing");
}

/// Is it worse, by how much, since when, whose doing, can I trust it: at the top of a red page, and only there.
#[test]
fn a_red_page_answers_its_readers_at_once() {
    let mut report = fixture::regressed();
    report.notes.push("the control with 5% more work (step/log) is regressed: +5.02% in 40 rounds".into());
    let open = "the control with the same program on both sides (step/log) is inconclusive: the time was up";
    report.notes.push(open.into());
    let page = render(&report, Format::Html).expect("renders");
    let hero = page.split("</header>").next().expect("a header");
    let answers: Vec<&str> = hero.split("?</dt><dd>").skip(1).filter_map(|rest| rest.split("</dd>").next()).collect();
    assert_eq!(
        answers,
        [
            "Yes: 1 of 43 benchmarks that were compared, by cpu time and instructions, beyond the limits that block",
            "<code>step/log [store=redb, durability=buffered]</code>: instructions +17.4% (9630 to 11.30k), cpu time \
             +14.9% (99%: +13.1% to +16.8%)",
            "Between baseline baselines/stored/x86_64-rustc1.95.0-valgrind3.19.0-glibc2.36-1f0c8a3b.jsonl, which does \
             not have it, and <code>c5c709651f7e</code>",
            "+15,630 instructions in <code>memory::codec::json::encode</code> (+13,766 called more often, +1,864 \
             costlier per call)",
            "Yes: 1 of 2 changes is counted under valgrind, where counts repeat exactly; 1 of 2 \
             changes is measured on both sides in turn, shown at 99%; 1 control with a known answer judged rightly in \
             this run",
        ]
    );
    for other in [fixture::passed(), fixture::undecided()] {
        assert!(!render(&other, Format::Html).expect("renders").contains("?</dt>"));
    }
}

/// A report of `parse` in some variants, each with its sizes, whose cost is the size.
fn sized(variants: &[(&str, &[u32])]) -> Report {
    let mut run = fixture::run();
    let like: Measurement = run.measurements[0].clone();
    run.measurements.clear();
    for (variant, sizes) in variants {
        for size in *sizes {
            let case = CaseKey { benchmark: format!("parse/{size}"), variant: (*variant).to_owned() };
            let sample = Sample::new(vec![f64::from(*size)]).expect("finite");
            run.measurements.push(Measurement { case, sample, ..like.clone() });
        }
    }
    Report::new(run)
}

#[test]
fn growth_is_told_of_the_sizes_that_were_measured() {
    for (variants, said) in [
        (&[("", &[1000, 1200, 1400][..])][..], "1.4 times the size costs 1.40 times as much."),
        (&[("a", &[100, 1000][..]), ("b", &[100, 1000, 10_000][..])], "100 times the size costs 100 times as much."),
    ] {
        let report = sized(variants);
        let figures = figures::figures(&report).expect("draws");
        let scaling = figures.iter().find(|figure| figure.title.ends_with("by size")).expect("sizes");
        assert!(scaling.caption.starts_with(said), "{}", scaling.caption);
    }
}

#[test]
fn every_line_has_a_name_and_those_left_out_are_counted() {
    let names: Vec<String> = (0..12).map(|number| format!("threads={number}")).collect();
    let two: &[u32] = &[1, 2];
    let many: Vec<(&str, &[u32])> = names.iter().map(|name| (name.as_str(), two)).collect();
    for (variants, lines, said) in [
        (&[("", &[64, 256, 1024][..])][..], 1, "Both scales are logarithmic."),
        (&many[..], 8, "Both scales are logarithmic. The first 8 of 12."),
    ] {
        let report = sized(variants);
        let figures = figures::figures(&report).expect("draws");
        let scaling = figures.iter().find(|figure| figure.title.ends_with("by size")).expect("sizes");
        let Drawing::Lines { rows, .. } = &scaling.drawing else { panic!("lines") };
        assert_eq!(rows.len(), lines);
        assert!(rows.iter().all(|(_, name, _)| !name.is_empty()), "{rows:?}");
        assert!(scaling.caption.ends_with(said), "{}", scaling.caption);
    }
}

/// What a toggle brings depends on what is switched on beside it.
#[test]
fn toggles_are_shown_one_by_one_and_together() {
    let mut run = fixture::run();
    let like: Measurement = run.measurements[0].clone();
    run.measurements.clear();
    for (variant, value) in [
        ("codec=json,compression=none,cache=none", 1000.0),
        ("codec=postcard,compression=none,cache=none", 600.0),
        ("codec=json,compression=none,cache=lru", 100.0),
        ("codec=json,compression=zstd,cache=none", 1500.0),
        ("codec=postcard,compression=none,cache=lru", 90.0),
        ("codec=json,compression=zstd,cache=lru", 150.0),
        ("codec=postcard,compression=zstd,cache=none", 990.0),
        ("codec=postcard,compression=zstd,cache=lru", 99.0),
    ] {
        let case = CaseKey { benchmark: "step/log".into(), variant: format!("store=redb,{variant}") };
        run.measurements.push(Measurement { case, sample: Sample::new(vec![value]).expect("finite"), ..like.clone() });
    }
    let mut report = Report { naive: fixture::regressed().naive, ..Report::new(run) };
    let found = toggles::of(&report);
    assert_eq!((found.len(), found[0].benchmark.as_str(), found[0].ends), (1, "step/log on redb", [1000.0, 99.0]));
    let said: Vec<_> = (found[0].effects.iter())
        .map(|effect| {
            let percent = |change: Option<f64>| change.map(|change| (change * 100.0).round());
            (effect.toggle.as_str(), percent(effect.alone), percent(effect.last))
        })
        .collect();
    assert_eq!(
        said,
        [
            ("cache=lru", Some(-90.0), Some(-90.0)),
            ("codec=postcard", Some(-40.0), Some(-34.0)),
            ("compression=zstd", Some(50.0), Some(10.0)),
        ]
    );
    let together: Vec<_> = found[0].mixes.iter().map(toggles::ToggleMix::sentence).collect();
    assert_eq!(
        together,
        [
            "cache=lru and codec=postcard: -91.0%, -94.0% if multiplied: they save less together",
            "cache=lru and compression=zstd: -85.0%, -85.0% if multiplied: independent of each other",
            "codec=postcard and compression=zstd: -1.00%, -10.0% if multiplied: they save less together",
        ]
    );
    assert_eq!(
        headline(&report).lead,
        "3 toggles of `step/log on redb` tried one by one; what stands out: `cache=lru` brings -90.0% instructions by \
         itself, all together -90.1%"
    );
    let titles: Vec<_> = figures::figures(&report).expect("draws").into_iter().map(|figure| figure.title).collect();
    let [alone, beside] =
        ["what each toggle brings in instructions", "three toggles beside each other, in instructions"];
    assert_eq!(titles, [format!("step/log on redb: {alone}"), format!("step/log on redb: {beside}")]);
    assert_eq!(
        found[0].interaction_sentences(),
        [
            "the gain of `cache=lru` falls from 90.0% to 85.0% when `codec=postcard` is on",
            "`cache=lru` saves 90.0%, also when `compression=zstd` is on",
            "`cache=lru` saves 90.0%, also when `codec=postcard` and `compression=zstd` are on",
            "the gain of `codec=postcard` falls from 40.0% to 10.00% when `cache=lru` is on",
            "the gain of `codec=postcard` falls from 40.0% to 34.0% when `compression=zstd` is on",
            "the gain of `codec=postcard` falls from 40.0% to 34.0% when `cache=lru` and `compression=zstd` are on",
            "`compression=zstd` costs 50.0% more, also when `cache=lru` is on",
            "the cost of `compression=zstd` rises from 50.0% to 65.0% when `codec=postcard` is on",
            "the cost of `compression=zstd` falls from 50.0% to 10.0% when `cache=lru` and `codec=postcard` are on",
        ]
    );
    let case = |place: usize| report.run.measurements[place].case.clone();
    report.phases =
        [("0", 0), ("1", 1), ("2", 4), ("3", 7)].map(|(phase, place)| (phase.to_owned(), case(place))).to_vec();
    let text = "<!-- assay:phase-steps --><!-- /assay --><!-- assay:interactions --><!-- /assay -->\
                <!-- assay:single-toggles --><!-- /assay -->";
    let (spliced, _) = splice::splice("x.md", text, &Figures::Run(&report), &[]).expect("spliced");
    for said in [
        "| benchmark | instructions, phase 0 | phase 1 | phase 2 | phase 3 | together |",
        "| `step/log on redb` | 1000 | -40.0% | -85.0% | +10.0% | -90.1% |",
        "| `codec=postcard` | -40.0% | -10.00% with `cache=lru`; -34.0% with `compression=zstd`; -34.0% with `cache=lru` and `compression=zstd` |",
        "| `cache=lru` | `step/log` in redb | 1000 | 100 | -90.0% |",
        "| `compression=zstd` | `step/log` in redb | 90 | 99 | +10.0% |",
    ] {
        assert!(spliced.contains(said), "no {said} in {spliced}");
    }
    let waterfall = figures::figures(&report).expect("draws").into_iter().next().expect("a chart");
    assert_eq!(waterfall.title, "step/log on redb: instructions phase by phase");
    let Drawing::Dots(plot) = waterfall.drawing else { panic!("dots") };
    let steps: Vec<_> =
        plot.rows.iter().map(|row| (row.label.as_str(), (row.at * 1000.0).round(), row.shown.as_str())).collect();
    assert_eq!(
        steps,
        [
            ("phase 1 \u{b7} 600", -400.0, "-40.0%"),
            ("phase 2 \u{b7} 90", -910.0, "-85.0%"),
            ("phase 3 \u{b7} 99", -901.0, "+10.0%")
        ]
    );
    report.run.measurements.truncate(4);
    assert!(toggles::of(&report).is_empty(), "nothing was taken from all");
}
