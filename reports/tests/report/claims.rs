//! The claim report in its formats, held against files.

use baselines::claim::{self, ClaimReport, ClaimVerdict, JudgedClaim, JudgedPart, MeasuredEffect, Target};
use baselines::{Durability, Metric};
use reports::{Format, claims};

use crate::{fixture, golden};

fn part(what: &str, metric: &str, target: Target, measured: MeasuredEffect, counter: &str) -> JudgedPart {
    let margin = if Metric::is_exact(metric) { 0.01 } else { 0.02 };
    let (verdict, why) = claim::judge(target, &measured, margin);
    JudgedPart {
        what: what.to_owned(),
        lane: "time".to_owned(),
        workload: "codec/encode/median".to_owned(),
        base: "store=memory,codec=json".to_owned(),
        new: "store=memory,codec=messagepack".to_owned(),
        metric: metric.to_owned(),
        durability: Durability::Committed,
        target,
        margin,
        measured: Some(measured),
        counter: Some((counter.to_owned(), 1_320)),
        verdict,
        why,
    }
}

fn claim(id: &str, claim: &str, announced: &str, note: &str, parts: Vec<JudgedPart>) -> JudgedClaim {
    let verdict = claim::combine(&parts.iter().map(|part| part.verdict).collect::<Vec<_>>());
    JudgedClaim {
        id: id.to_owned(),
        claim: claim.to_owned(),
        announced: announced.to_owned(),
        source: "priorities, phase 3".to_owned(),
        note: note.to_owned(),
        parts,
        verdict,
    }
}

/// One claim of each kind, the last one hostile.
fn sample() -> ClaimReport {
    let timed = |estimate: f64, low, high| MeasuredEffect {
        base: Some(1_240.0),
        new: 1_240.0 * estimate,
        estimate,
        low,
        high,
        rounds: 10,
    };
    let less = Target::AtMostOfBase(0.55);
    let bound = Target::AtMost(20e6);
    let query = |milliseconds: f64| MeasuredEffect {
        base: Some(46.1e6),
        new: milliseconds * 1e6,
        estimate: milliseconds * 1e6,
        low: milliseconds * 1e6 - 4e5,
        high: milliseconds * 1e6 + 4e5,
        rounds: 8,
    };
    let commits = MeasuredEffect::exact(Target::AtMostOfBase(1.0), Some(1.0), 0.125);
    let skipped = JudgedPart {
        measured: None,
        counter: None,
        verdict: ClaimVerdict::Skipped,
        why: "target/tools/sqld is not there: type scripts/setup, or let SQLD name an sqld".to_owned(),
        ..part("fetch at 15 ms", "wall_time", bound, query(16.0), "connections_reused")
    };
    let claims = vec![
        claim(
            "messagepack",
            "binary serialisation is faster",
            "45% faster",
            "",
            vec![
                part("encode a step", "cpu_time", less, timed(0.41, 0.40, 0.43), "messagepack_encoded"),
                part("decode a step", "cpu_time", less, timed(0.78, 0.76, 0.80), "messagepack_encoded"),
            ],
        ),
        claim(
            "batch-writes",
            "queued writes share commits",
            "fewer commits",
            "Type `assay run --toggles`.",
            vec![part("commits per step", "commits", Target::AtMostOfBase(1.0), commits, "shared_commits")],
        ),
        claim(
            "turso-query",
            "one remote query",
            "under 20 ms",
            "",
            vec![part("a query at 15 ms", "wall_time", bound, query(31.2), "connections_reused")],
        ),
        claim("keepalive", "connections are kept", "89% less", "", vec![skipped]),
        claim(
            "<script>|*x*",
            "names & `code` can't break out <b>",
            "|||",
            "a \u{202e}note",
            vec![part("a|b", "cpu_time", less, timed(1.0, 0.99, 1.01), "messagepack_encoded")],
        ),
    ];
    ClaimReport {
        schema: claim::SCHEMA,
        started_at: "2026-11-25T00:12:00Z".to_owned(),
        command: "assay claims".to_owned(),
        profile: "quick".to_owned(),
        environment: fixture::run().header.environment,
        claims,
    }
}

#[test]
fn the_claim_report_in_every_format() {
    let sample = sample();
    for format in [Format::Text, Format::Markdown, Format::Html] {
        let rendered = claims::render(&sample, format).expect("renders");
        assert_eq!(rendered, claims::render(&sample, format).expect("renders"), "the same report gives the same text");
        golden::check(&format!("claims.{format}"), &rendered);
    }
    let json = claims::render(&sample, Format::Json).expect("renders");
    assert_eq!(serde_json::from_str::<ClaimReport>(&json).expect("parses"), sample);
    assert!(claims::render(&sample, Format::Junit).is_err());
}

#[test]
fn nothing_of_a_claim_report_breaks_out_of_its_page() {
    let page = claims::render(&sample(), Format::Html).expect("renders");
    assert!(!page.contains("<script>|") && !page.contains("\u{202e}"));
    assert!(page.contains("id=\"claim-&lt;script&gt;|*x*\""));
}

#[test]
fn a_claim_report_without_a_measurement_has_no_chart() {
    let mut sample = sample();
    sample.claims.retain(|claim| claim.verdict == ClaimVerdict::Skipped);
    assert_eq!(claims::picture(&sample), None);
    assert!(claims::summary(&sample).ends_with("1 claim: 1 skipped"), "{}", claims::summary(&sample));
}

#[test]
fn phases_stand_in_the_order_of_the_claims() {
    let mut sample = sample();
    sample.claims.truncate(1);
    sample.claims.push(sample.claims[0].clone());
    for (claim, id) in sample.claims.iter_mut().zip(["phase-2", "phase-10"]) {
        id.clone_into(&mut claim.id);
    }
    let table = claims::phases_markdown(&sample).expect("a table");
    assert!(table.starts_with("| workload | phase-2 | phase-10 | together |\n"), "{table}");
}

#[test]
fn the_table_of_toggles_has_each_measurement_once_and_one_toggle_a_row() {
    let mut sample = sample();
    let encode = sample.claims[0].parts[0].clone();
    let parts = &mut sample.claims[0].parts;
    // The same measurement with a bound, two toggles at once, another program as the base, and nothing before.
    parts.push(JudgedPart { target: Target::AtMost(600.0), ..encode.clone() });
    parts.push(JudgedPart { new: "store=redb,codec=postcard".to_owned(), ..encode.clone() });
    parts.push(JudgedPart { target: Target::AtMostOfBase(1.3), what: "an engine".to_owned(), ..encode.clone() });
    let hits = MeasuredEffect { base: Some(0.0), new: 0.4, estimate: 0.4, low: 0.4, high: 0.4, rounds: 0 };
    let what = "hits".to_owned();
    let target = Target::AtLeast(0.5);
    let cached = "store=redb,codec=json".to_owned();
    let metric = "hit_ratio".to_owned();
    parts.push(JudgedPart { what, target, new: cached, metric, measured: Some(hits), ..encode });
    let table = claims::toggles_markdown(&sample).expect("a table");
    golden::check("claimed-toggles.markdown", &table);
    sample.claims.retain(|claim| claim.verdict == ClaimVerdict::Skipped);
    assert_eq!(claims::toggles_markdown(&sample), None);
}
